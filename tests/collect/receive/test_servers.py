"""Real nginx, HAProxy, rsyslog and logger send what they log: the very lines that they write to a file, each once."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from detector.collect.formats.envelope import opened
from detector.collect.parse import choose_format, parse
from detector.config import Input
from tests.collect.receive.inlet import Inbox, free_port, inbox, until
from tests.collect.test_nginx import NGINX, TEMPLATE, configure, requests, send

HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
RSYSLOGD = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")
LOGGER = shutil.which("logger")


def bare(lines: list[bytes]) -> list[str]:
    """Return the messages without their headers, all of which must have one."""
    messages = opened(pl.Series([line.decode("utf-8", "replace") for line in lines])).to_list()
    assert None not in messages
    return messages


def events(lines: list[bytes]) -> pl.DataFrame:
    frame = pl.DataFrame({"line": [line.decode("utf-8", "replace") for line in lines]})
    frame = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))
    parsed = parse(frame, choose_format(frame, Input())[0], path="")
    assert parsed.rejects.is_empty(), parsed.rejects["reason"].unique().to_list()
    return parsed.events.drop("log.offset")


@contextmanager
def running(*command: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.send_signal(stop)
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()  # or the end of `with` waits for it for ever
                raise


def addresses(folder: Path, *transports: str) -> list[str]:
    kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    return [
        f"{one}://127.0.0.1:{free_port(kinds[one])}" if one in kinds else f"{one}://{folder}/{number}.sock"
        for number, one in enumerate(transports)
    ]


@contextmanager
def inboxes(folder: Path, *transports: str) -> Iterator[list[tuple[str, Inbox]]]:
    """Receive by several ways at once, each into a state of its own; yield the places and what comes there."""
    with inbox(folder, *(given := addresses(folder, *transports))) as box:
        spools = [path for path in box.received.paths if "received" in path]
        yield [(one.partition("://")[2], _Part(box, Path(spool))) for one, spool in zip(given, spools, strict=True)]


class _Part(Inbox):
    """What came by one of several ways."""

    def __init__(self, box: Inbox, spool: Path) -> None:
        super().__init__(box.received, box.state)
        self._spool = spool

    def files(self) -> list[Path]:
        return sorted(self._spool.iterdir())


NGINX_LOGGED = """
  log_format js escape=json '{template}';
  access_log {folder}/json.log js;
  access_log syslog:server={udp} js;
  access_log syslog:server=unix:{unix},nohostname,tag=portal,severity=debug js;
  access_log {folder}/combined.log combined;
  access_log syslog:server={udp_combined},nohostname combined;
  access_log syslog:server=unix:{unix_combined} combined;
  keepalive_timeout 0;
"""


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")
def test_nginx_sends_what_it_writes_hostile_requests_included(tmp_path):
    tmp_path.chmod(0o755)
    port = free_port()
    with inboxes(tmp_path, "udp", "unixgram", "udp", "unixgram") as places:
        names = dict(zip(("udp", "unix", "udp_combined", "unix_combined"), (place for place, _ in places), strict=True))
        configure(tmp_path, port, NGINX_LOGGED.format(folder=tmp_path, template=TEMPLATE, **names))
        with running(str(NGINX), "-p", str(tmp_path), "-e", "error.log", "-c", "nginx.conf", stop=signal.SIGQUIT):
            parts = [part for _, part in places]
            for raw, *_ in requests():
                send(port, raw)  # few wait at a Unix socket (net.unix.max_dgram_qlen), and nginx drops the rest
                written = (tmp_path / "combined.log").read_bytes().count(b"\n")
                until(lambda written=written: min(len(parts[at].lines()) for at in (1, 3)) >= written - 2)
        for written, parts in (("json.log", places[:2]), ("combined.log", places[2:])):
            lines = (tmp_path / written).read_bytes().split(b"\n")[:-1]
            assert len(lines) > 50
            for _, part in parts:
                came = part.await_lines(len(lines))
                assert bare(came) == [line.decode("utf-8", "replace") for line in lines]
                assert events(came).equals(events(lines))


HAPROXY_CONFIGURATION = """
global
  log {udp} local0
  log {unix} format rfc5424 local0
  log ring@newline local0
  log ring@counted local0
ring newline
  format rfc3164
  maxlen 4096
  size 65536
  timeout connect 5s
  timeout server 10s
  server s {newline}
ring counted
  format rfc5424
  maxlen 4096
  size 65536
  timeout connect 5s
  timeout server 10s
  server s {counted} log-proto octet-count
defaults
  mode http
  log global
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend portal
  bind 127.0.0.1:{port}
  option httplog
  http-request return status 204
"""


@pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")
def test_haproxy_sends_each_request_in_four_ways(tmp_path):
    port, count = free_port(), 60
    with inboxes(tmp_path, "udp", "unixgram", "tcp", "tcp") as places:
        names = dict(zip(("udp", "unix", "newline", "counted"), (place for place, _ in places), strict=True))
        (tmp_path / "haproxy.cfg").write_text(HAPROXY_CONFIGURATION.format(port=port, **names))
        with running(str(HAPROXY), "-db", "-f", str(tmp_path / "haproxy.cfg")):
            for number in range(count):
                assert send(port, b"GET /p/%d HTTP/1.1\r\nHost: p\r\n\r\n" % number) == 204
                until(lambda number=number: len(places[1][1].lines()) >= number - 2)  # HAProxy does not wait for it
            for _, part in places:
                until(lambda part=part: sum(b"/p/" in line for line in part.lines()) >= count)
        for place, part in places:
            found = [line for line in part.lines() if b"/p/" in line]
            assert events(found)["url.original"].to_list() == [f"/p/{number}" for number in range(count)], place


LINES = [
    f"198.51.100.{number % 250} - dr{number % 7} [02/Mar/2026:09:15:{number % 60:02d} +0000] "
    f'"GET /b/{number}: <13> HTTP/2.0" 200 812 "-" "-"'
    for number in range(2000)
]
RSYSLOG = """
global(workDirectory="{folder}")
module(load="imfile")
input(type="imfile" file="{folder}/access.log" tag="nginx:" freshStartTail="off")
template(name="old" type="string" string="<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag:1:32%%msg:::sp-if-no-1st-sp%%msg%")
action(type="omfwd" target="127.0.0.1" port="{newline}" protocol="tcp" TCP_Framing="traditional" template="old")
action(type="omfwd" target="127.0.0.1" port="{counted}" protocol="tcp" TCP_Framing="octet-counted"
       template="RSYSLOG_SyslogProtocol23Format")
"""


@pytest.mark.skipif(RSYSLOGD is None, reason="rsyslog is not installed")
def test_rsyslog_forwards_in_both_framings(tmp_path):
    (tmp_path / "access.log").write_text("".join(f"{line}\n" for line in LINES))
    with inboxes(tmp_path, "tcp", "tcp") as places:
        names = dict(zip(("newline", "counted"), (place.rpartition(":")[2] for place, _ in places), strict=True))
        (tmp_path / "rsyslog.conf").write_text(RSYSLOG.format(folder=tmp_path, **names))
        with running(str(RSYSLOGD), "-n", f"-i{tmp_path}/pid", "-f", f"{tmp_path}/rsyslog.conf"):
            for _, part in places:
                part.await_lines(len(LINES))
        for _, part in places:
            assert bare(part.lines()) == LINES


@pytest.mark.skipif(LOGGER is None, reason="logger is not installed")
@pytest.mark.parametrize(
    ("transport", "options"),
    [
        ("tcp", ["--tcp", "--octet-count", "--rfc5424"]),
        ("tcp", ["--tcp", "--rfc3164"]),
        ("udp", ["--udp", "--rfc5424=notime,notq,nohost", "--sd-id", "x@32473", "--sd-param", 'a="b\\]c"']),
        ("unixgram", ["--rfc3164"]),
        ("unix", []),
    ],
)
def test_logger_sends_lines(transport, options, tmp_path):
    with inboxes(tmp_path, transport) as [(place, part)]:
        host, _, port = place.rpartition(":")
        at = ["--socket", place] if transport.startswith("unix") else ["--server", host, "--port", port]
        text = "".join(f"{line}\n" for line in LINES[:200]).encode()
        subprocess.run([str(LOGGER), "--tag", "portal", *options, *at], input=text, check=True, timeout=30)
        assert bare(part.await_lines(200)) == LINES[:200]


def test_a_server_that_is_stopped_has_sent_all(tmp_path):
    """The receiver reads on for what has arrived when it is told to end."""
    with inboxes(tmp_path, "tcp") as [(place, part)]:
        host, _, port = place.rpartition(":")
        with socket.create_connection((host, int(port))) as peer:
            peer.sendall(b"".join(b"%d\n" % number for number in range(50_000)))
    assert [int(line) for line in part.lines()] == list(range(50_000))
