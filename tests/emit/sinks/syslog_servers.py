"""Real syslog servers on free loopback ports, each writing what it gets into a file, a message a line."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detector import clock

RSYSLOGD = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
SYSLOG_NG = Path(os.environ.get("SYSLOG_NG", "/opt/syslog-ng"))
"""A folder that the packages of syslog-ng are unpacked in: Debian installs it only in the place of rsyslog."""

_ID = re.compile(rb' id="([0-9a-f]{32})" ')


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process. It comes back on the same port, with the same file."""

    def __init__(self, folder: Path, transport: str, certificates: Path | None) -> None:
        self.folder, self.transport, self.certificates = folder, transport, certificates
        self.port = free_port(socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        self.socket = folder / "log.sock"
        self.out = folder / "received"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; return the command and what it needs in the environment."""
        raise NotImplementedError

    def start(self) -> None:
        command, environment = self.command()
        with (self.folder / "stderr").open("ab") as said:
            self._process = subprocess.Popen(command, env=os.environ | environment, stdout=said, stderr=said)
        end = clock.monotonic_s() + 60
        while not self._listens():
            assert self._process.poll() is None, (self.folder / "stderr").read_text()
            assert clock.monotonic_s() < end, (self.folder / "stderr").read_text()
            clock.pause(0.02)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def messages(self) -> list[bytes]:
        whole, _, _ = self.out.read_bytes().rpartition(b"\n") if self.out.exists() else (b"", b"", b"")
        return whole.splitlines()

    def ids(self) -> list[str]:
        return [_ID.search(one)[1].decode() for one in self.messages()]

    def documents(self) -> Iterator[dict[str, Any]]:
        for one in self.messages():
            yield json.loads(one[one.index(b"] {") + 2 :])

    def _listens(self) -> bool:
        if self.transport in ("tcp", "tls"):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False
        if self.transport == "unix":
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                probe.connect(str(self.socket))
                return True
            return False
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", self.port))
            return False
        return True


RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="8096" {driver})
main_queue(queue.type="direct")
template(name="whole" type="string" string="%rawmsg%\\n")
module(load="imtcp" {mode}) module(load="imudp") module(load="imuxsock" sysSock.use="off")
{listen}
action(type="omfile" file="{out}" template="whole")
"""


class Rsyslog(Server):
    """rsyslog: it writes a message before it reads the next (queue of type direct)."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        if RSYSLOGD is None:
            pytest.skip("rsyslogd is not installed")
        here, driver, mode = self.certificates, "", ""
        if self.transport == "tls":
            driver = (
                f'defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{here}/ca.pem"'
                f' defaultNetstreamDriverCertFile="{here}/server.pem" defaultNetstreamDriverKeyFile="{here}/server.key"'
            )
            mode = 'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid"'
        listen = {
            "unix": f'input(type="imuxsock" socket="{self.socket}" useSpecialParser="off" parseHostname="on")',
            "udp": f'input(type="imudp" address="127.0.0.1" port="{self.port}")',
        }.get(self.transport, f'input(type="imtcp" address="127.0.0.1" port="{self.port}")')
        text = RSYSLOG.format(folder=self.folder, driver=driver, mode=mode, listen=listen, out=self.out)
        (self.folder / "rsyslog.conf").write_text(text)
        self.socket.unlink(missing_ok=True)
        return [RSYSLOGD, "-n", "-iNONE", "-f", f"{self.folder}/rsyslog.conf"], {}


SYSLOG_NG_CONF = """
@version: 3.38
options {{ stats-freq(0); use-dns(no); flush-lines(1); keep-hostname(yes); }};
source s {{ {source} }};
destination d {{ file("{out}" template("${{RAWMSG}}\\n")); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


class SyslogNg(Server):
    """syslog-ng, from a folder that its packages were unpacked in."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        program = SYSLOG_NG / "usr/sbin/syslog-ng"
        if not program.exists():
            pytest.skip(f"syslog-ng is not unpacked in {SYSLOG_NG}")
        here = self.certificates
        tls = f'tls(key-file("{here}/server.key") cert-file("{here}/server.pem") ca-file("{here}/ca.pem"))'
        kept = "flags(syslog-protocol, store-raw-message)"
        at = f"ip(127.0.0.1) port({self.port})"
        source = {
            "tls": f"syslog({at} transport(tls) {tls} flags(store-raw-message));",
            "tcp": f"syslog({at} transport(tcp) flags(store-raw-message));",
            "udp": f"syslog({at} transport(udp) flags(store-raw-message));",
            "unix": f'unix-dgram("{self.socket}" {kept});',
        }[self.transport]
        (self.folder / "syslog-ng.conf").write_text(SYSLOG_NG_CONF.format(source=source, out=self.out))
        libraries = [
            SYSLOG_NG / "usr/lib/syslog-ng",
            *SYSLOG_NG.glob("usr/lib/*-linux-gnu"),
            *SYSLOG_NG.glob("lib/*-linux-gnu"),
        ]
        (modules,) = (SYSLOG_NG / "usr/lib/syslog-ng").glob("[0-9]*")
        arguments = ["-F", "--no-caps", "-f", "syslog-ng.conf", "-R", "persist", "-p", "pid", "-c", "control"]
        paths = [f"{self.folder}/{one}" if one[0] != "-" else one for one in arguments]
        return [str(program), *paths, f"--module-path={modules}"], {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}


@contextlib.contextmanager
def running(kind: type[Server], folder: Path, transport: str, certificates: Path | None = None) -> Iterator[Server]:
    """Run a server for a while, in a folder of its own inside `folder`."""
    own = folder / "server"
    own.mkdir()
    server = kind(own, transport, certificates)
    server.start()
    try:
        yield server
    finally:
        server.stop()
