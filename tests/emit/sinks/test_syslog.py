"""The syslog sink against rsyslog and syslog-ng, and against servers of our own that misbehave."""

import contextlib
import json
import re
import socket
import ssl
import struct
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector import clock
from detector.config import ToSyslog
from detector.emit.sinks.syslog import SyslogSink
from detector.emit.sinks.syslog_message import message
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, STILL_S, Battery, Rig, until
from tests.emit.sinks.certificates import make_certificates
from tests.emit.sinks.syslog_servers import Rsyslog, SyslogNg, running

SERVERS = {"rsyslog": Rsyslog, "syslog-ng": SyslogNg}

CUT = "reset|closed|[Pp]ipe|not connected"
"""What a connection that the other side cut off is called, by where it was when that came."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def options_of(server, **more):
    there = {"socket": server.socket} if server.transport == "unix" else {"host": "127.0.0.1", "port": server.port}
    if here := server.certificates:
        there["tls"] = {
            "ca_file": here / "ca.pem",
            "client_cert": here / "client.pem",
            "client_key": here / "client.key",
        }
    return ToSyslog(transport=server.transport, **there | QUICK | more)


class TestSyslog(Battery):
    @pytest.fixture(params=["rsyslog tcp", "rsyslog tls", "syslog-ng tcp", "syslog-ng tls"])
    def rig(self, request, tmp_path, certificates):
        name, transport = request.param.split()
        with running(SERVERS[name], tmp_path, transport, certificates) as server:
            yield Rig(
                options=lambda **more: options_of(server, **more),
                received=server.ids,
                stop=server.stop,
                start=server.start,
                hang=server.pause,
            )


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("transport", ["udp", "unix"])
def test_datagrams_arrive_whole(tmp_path, name, transport):
    alerts = some(20)
    with running(SERVERS[name], tmp_path, transport) as server:
        SyslogSink(options_of(server)).write(alerts)
        until(lambda: len(server.messages()) == 20)
        assert server.ids() == [one.id for one in alerts]


@pytest.mark.parametrize("how", [{"framing": "newline"}, {"confirm": "acknowledged"}, {"format": "cef"}])
def test_other_ways_to_speak_arrive_too(tmp_path, certificates, how):
    alerts = some(20)
    with running(Rsyslog, tmp_path, "tls", certificates) as server:
        SyslogSink(options_of(server, **how)).write(alerts)
        until(lambda: len(server.messages()) == 20)
        assert server.ids() == [one.id for one in alerts]


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ({"ca_file": "other.pem"}, "certificate verify failed"),
        ({"ca_file": "ca.pem", "server_name": "elsewhere.example.org"}, "doesn't match|not valid for"),
        ({"ca_file": "ca.pem"}, f"certificate required|EOF|{CUT}"),
    ],
    ids=["an authority that did not sign", "a name that is not its own", "no certificate of ours"],
)
def test_who_cannot_prove_who_he_is_gets_and_gives_nothing(tmp_path, certificates, tls, said):
    tls = {name: certificates / value if name == "ca_file" else value for name, value in tls.items()}
    with running(Rsyslog, tmp_path, "tls", certificates) as server:
        sink = SyslogSink(options_of(server, tls=tls))
        for _ in range(20):  # what the receiver says of us comes while we send, or after
            with pytest.raises(OSError, match=said):
                sink.write(some(3))
        assert server.messages() == []
        SyslogSink(options_of(server)).write(some(3))
        assert len(server.messages()) == 3


@contextlib.contextmanager
def listening(talk, certificates=None):
    """Run `talk(connection)` for each connection that comes, in a thread; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def heard(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def tcp(port, **more):
    return SyslogSink(ToSyslog(transport="tcp", host="127.0.0.1", port=port, **QUICK | more))


def test_a_connection_reset_in_the_middle_is_a_fault(tmp_path):
    def reset(connection):
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with listening(reset) as port, pytest.raises(OSError, match=CUT):
        tcp(port).write(some(200))


def test_a_receiver_that_closes_at_once_has_taken_nothing():
    """As rsyslog does that has as many connections as it may: its end may come before it has our bytes."""
    with listening(lambda connection: None) as port:
        sink, alerts = tcp(port), some(1)
        for _ in range(200):
            with pytest.raises(OSError, match=CUT):
                sink.write(alerts)


def test_a_receiver_that_never_closes_is_a_fault_unless_it_need_not():
    free = threading.Semaphore(0)

    def never(connection):
        heard(connection)
        free.acquire(timeout=STILL_S)

    with listening(never) as port:
        with pytest.raises(TimeoutError):
            tcp(port, timeout_s=0.3).write(some(1))
        assert tcp(port, confirm="acknowledged").write(some(1)).arrived
        free.release(2)


def test_a_tls_receiver_that_is_killed_has_not_said_that_it_read_all(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    got = []

    def killed(connection):
        safe = context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
        got.append(safe.recv(100_000))
        safe.close()  # the kernel closes so for a process that is killed: without TLS's last word

    with listening(killed) as port:
        options = ToSyslog(host="127.0.0.1", port=port, tls={"ca_file": certificates / "ca.pem"}, **QUICK)
        with pytest.raises(OSError, match=r"EOF|closed|reset"):
            SyslogSink(options).write(some(1))
    assert got[0]


def test_after_a_fault_the_batch_before_is_sent_once_more():
    first, second, third, got, broken = some(1), some(1, first=1), some(1, first=2), [], [False, True, False, False]

    def talk(connection):
        if broken.pop(0):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        got.append(re.findall(rb' id="([0-9a-f]+)"', heard(connection)))

    with listening(talk) as port:
        sink = tcp(port)
        sink.write(first)
        with pytest.raises(OSError, match=CUT):
            sink.write(second)
        sink.write(second)
        sink.write(third)
    ids = [one[0].id.encode() for one in (first, second, third)]
    assert got == [[ids[0]], [ids[0], ids[1]], [ids[2]]]


def test_a_datagram_that_nobody_hears_is_a_fault(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        SyslogSink(ToSyslog(transport="udp", host="127.0.0.1", port=port)).write(some(1))
    with pytest.raises(FileNotFoundError):
        SyslogSink(ToSyslog(transport="unix", socket=tmp_path / "none")).write(some(1))


SD_NAME = r"[!#-<>-\\^-~]{1,32}"
SD_PARAM = rf' {SD_NAME}="(?:[^"\\\]]|\\["\\\]])*"'
RFC5424 = re.compile(
    rf"<(\d{{1,3}})>1 (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z) [!-~]{{1,255}} ([!-~]{{1,48}}) [!-~]{{1,128}}"
    rf" ([!-~]{{1,32}}) (\[{SD_NAME}(?:{SD_PARAM})*\]) (.*)"
)
"""Written from the grammar of RFC 5424, section 6, as far as our messages use it."""


@given(
    rule=st.text(max_size=300), user=st.text(max_size=3000), state=st.sampled_from(["opened", "escalated", "closed"])
)
def test_a_message_is_rfc_5424_whatever_an_attacker_words(rule, user, state):
    alert = replace(some(1)[0], rule_id=rule, users=(user,), account=user, state=state)
    options = ToSyslog(host="siem.example.org", facility="local3", max_bytes=2000)
    text = message(alert, options, clock.now())
    found = RFC5424.fullmatch(text.decode())
    assert found, text
    assert (int(found[1]), found[3], found[4]) == (19 * 8 + 3, "portal-detector", f"incident_{state}")
    assert len(text) <= 2000
    assert json.loads(found[6])["event"]["id"] == alert.id
    assert f' id="{alert.id}" ' in found[5]


@pytest.mark.parametrize(
    ("level", "severity"), [("critical", 2), ("high", 3), ("medium", 4), ("low", 5), ("informational", 6)]
)
def test_the_level_is_the_severity(level, severity):
    text = message(replace(some(1)[0], level=level), ToSyslog(host="siem.example.org"), clock.now())
    assert text.startswith(b"<%d>1 " % (10 * 8 + severity))
