"""Real nginx and real rsyslog write under load while the real logrotate rotates: every request is one event."""

import base64
import gzip
import http.client
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from detector import clock
from detector.inquire.upkeep.erase import account_names
from tests.collect.receive import inlet
from tests.collect.receive.test_servers import RSYSLOGD, running
from tests.collect.test_nginx import NGINX, configure
from tests.live.runs import positions

LOGROTATE = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
ENOUGH_S = 600.0
"""Only what is lost takes longer: twenty thousand lines are read in seconds, or in minutes beside much else."""
until = partial(inlet.until, deadline_s=ENOUGH_S)
pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)"),
    pytest.mark.skipif(RSYSLOGD is None, reason="rsyslog is not installed"),
    pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="logrotate and rsyslog drop what they write for others than root"),
]

NGINX_LOGGED = "access_log {folder}/access.log combined; keepalive_requests 100000;"
RSYSLOG = """
global(workDirectory="{folder}")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{folder}/syslog.log")
"""
WAYS = {
    "renamed": "create 0644 root root\n  delaycompress\n  compress",
    "dated": "create 0644 root root\n  dateext\n  dateformat -%Y%m%d-%s\n  compress\n  delaycompress",
    "copied": "copytruncate",
}
ROTATION = """
{folder}/access.log {{
  su root root
  rotate 500
  {way}
  sharedscripts
  postrotate
    kill -USR1 $(cat {folder}/nginx.pid)
  endscript
}}
{folder}/syslog.log {{
  su root root
  rotate 500
  {other}
  sharedscripts
  postrotate
    kill -HUP $(cat {folder}/rsyslog.pid)
  endscript
}}
"""
LINE = '<134>%s portal nginx: 198.51.100.7 - s%d [%s] "GET /s/%d HTTP/1.1" 204 0 "-" "curl"\n'


class Load:
    """Two servers at work: each request, and each message, of an account of its own."""

    def __init__(self, nginx_port: int, rsyslog_port: int) -> None:
        self.count = 0
        self._http = http.client.HTTPConnection("127.0.0.1", nginx_port, timeout=ENOUGH_S)
        until(lambda: _listens(nginx_port) and _listens(rsyslog_port))
        self._syslog = socket.create_connection(("127.0.0.1", rsyslog_port))

    def send(self, count: int) -> None:
        for number in range(self.count, self.count + count):
            account = base64.b64encode(b"n%d:x" % number).decode()
            self._http.request("GET", f"/n/{number}", headers={"Authorization": f"Basic {account}", "User-Agent": "x"})
            assert self._http.getresponse().read() == b""
            now = clock.now()
            stamp = now.strftime("%d/%b/%Y:%H:%M:%S +0000")
            self._syslog.sendall((LINE % (now.strftime("%b %d %H:%M:%S"), number, stamp, number)).encode())
        self.count += count

    def close(self) -> None:
        self._http.close()
        self._syslog.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_read(state: Path, log: Path) -> bool:
    """Whether the state says that a log was read to its end."""
    there, known = log.stat(), positions(state).values()
    marks = {mark["inode"]: mark["offset"] for position in known for mark in position["files"]}
    return marks.get(there.st_ino) == there.st_size


def _logged(folder: Path, name: str) -> int:
    """Count the lines of a log in all its files; none is rotated meanwhile."""
    return sum(
        (gzip.decompress(data) if path.suffix == ".gz" else data).count(b"\n")
        for path in folder.glob(f"{name}*")
        if (data := path.read_bytes())
    )


def _rotate(folder: Path, load: Load, way: str) -> None:
    """Rotate once, in a new second, as names may have it in them.

    Lines that come between copying and truncation are lost by logrotate itself: it gets none.
    """
    next_second = clock.now().replace(microsecond=0) + timedelta(seconds=1.1)  # logrotate's own clock is a coarse one
    until(lambda: clock.now() > next_second)
    command = [str(LOGROTATE), "-f", "-s", str(folder / "rotated"), str(folder / "logrotate.conf")]
    if way == "copied":
        until(lambda: _logged(folder, "syslog.log") >= load.count and _logged(folder, "access.log") >= load.count)
        subprocess.run(command, check=True, timeout=ENOUGH_S)
        return
    with subprocess.Popen(command) as rotating:
        while rotating.poll() is None:
            load.send(5)
            with suppress(subprocess.TimeoutExpired):
                rotating.wait(timeout=0.01)
    assert rotating.returncode == 0


def _run(folder: Path, way: str, rounds: int, each: int) -> None:
    ports = inlet.free_port(), inlet.free_port()
    other = WAYS["dated" if way == "renamed" else way]
    configure(folder, ports[0], NGINX_LOGGED.format(folder=folder), workers=2)
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(folder=folder, port=ports[1]))
    (folder / "logrotate.conf").write_text(ROTATION.format(folder=folder, way=WAYS[way], other=other))
    os.chmod(folder / "logrotate.conf", 0o644)
    logs, state = [folder / name for name in ("access.log", "syslog.log")], folder / "state"
    command = [sys.executable, "-m", "detector", "tail", *map(str, logs), "--state", str(state), "--from-start"]
    command += ["--alerts", "/dev/null", "--stats"]
    nginx = running(str(NGINX), "-p", str(folder), "-e", "error.log", "-c", "nginx.conf")
    rsyslog = running(str(RSYSLOGD), "-n", f"-i{folder}/rsyslog.pid", "-f", f"{folder}/rsyslog.conf")
    with nginx, rsyslog:
        load = Load(*ports)
        load.send(1)
        until(lambda: _logged(folder, "access.log") == _logged(folder, "syslog.log") == 1)
        with subprocess.Popen([*command, str(folder / "first.json")], stderr=subprocess.PIPE) as tail:
            until(lambda: positions(state))  # from now on no rotation is missed
            for _ in range(rounds):
                load.send(each)
                _rotate(folder, load, way)
            load.send(each)
            load.close()
            until(lambda: _logged(folder, "access.log") == _logged(folder, "syslog.log") == load.count)
            until(lambda: all(_is_read(state, log) for log in logs))
            tail.terminate()
            _, said = tail.communicate(timeout=ENOUGH_S)
    assert tail.returncode == 0, said.decode()
    assert b"not read to its end" not in said, said.decode()
    subprocess.run([*command, str(folder / "last.json"), "--once"], check=True, capture_output=True)
    stats = [json.loads((folder / f"{run}.json").read_text()) for run in ("first", "last")]
    sent = {f"{server}{number}" for server in "ns" for number in range(load.count)}
    with closing(sqlite3.connect(folder / "state" / "state.sqlite")) as database:
        assert account_names(database) ^ sent == set()
    assert [sum(one[what] for one in stats) for what in ("events", "rejects")] == [len(sent), 0]


@pytest.mark.parametrize("way", ["renamed"])
def test_every_request_is_one_event(tmp_path, way):
    _run(tmp_path, way, rounds=3, each=40)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_request_is_one_event_for_longer(tmp_path, way):
    _run(tmp_path, way, rounds=40, each=500)
