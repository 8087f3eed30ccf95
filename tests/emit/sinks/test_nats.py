"""The NATS sink against the real nats-server."""

import contextlib
import json
import os
import socket
import threading

import pytest
from pydantic import ValidationError

pytest.importorskip("nats", reason="the extra nats is not installed")

import nkeys

from detector.config import ToNats
from detector.emit.alert import ecs
from detector.emit.sinks import open_sink
from detector.errors import DetectorError
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.certificates import make_certificates
from tests.emit.sinks.nats_server import STREAM, SUBJECT, server
from tests.emit.sinks.torment import torment

SECRET = "hush-this-is-ours"


def options_of(place, **more):
    there = {"servers": [place], "subject": SUBJECT, "stream": STREAM, "cleartext": True}
    return ToNats(**there | QUICK | more)


def rig_of(here, **always):
    return Rig(
        options=lambda **more: options_of(here.place, **always | more),
        received=here.ids,
        documents=here.documents,
        stop=here.stop,
        start=here.start,
        hang=here.pause,
        secret=SECRET,
    )


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("NATS_TOKEN", SECRET)


@pytest.fixture
def plain(tmp_path):
    with server(tmp_path) as here:
        yield here


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


class TestNats(Battery):
    @pytest.fixture
    def rig(self, tmp_path):
        with server(tmp_path, f"authorization {{ token: {SECRET} }}", token=SECRET) as here:
            yield rig_of(here, token={"env": "NATS_TOKEN"})


def test_a_message_has_the_id_as_header_and_the_alert_as_body(plain):
    (alert,) = some(1)
    open_sink(options_of(plain.place)).write([alert])
    (message,) = plain.messages()
    assert message.headers["Nats-Msg-Id"] == alert.id
    assert json.loads(message.data)["user"] == ecs(alert, alert.timestamp)["user"]


def test_a_repeat_has_arrived_and_is_not_kept_twice(plain):
    alerts, sink = some(5), open_sink(options_of(plain.place))
    for _ in range(2):
        assert list(sink.write(alerts).arrived) == [one.id for one in alerts]
    assert plain.ids() == [one.id for one in alerts]


def test_a_subject_that_no_stream_takes_is_a_fault_that_says_so(tmp_path):
    with server(tmp_path, stream=False) as here:
        sink, alerts = open_sink(options_of(here.place)), some(3)
        receipt = sink.write(alerts)
        assert (list(receipt.arrived), receipt.refused) == ([], {})
        assert receipt.fault == f"no stream takes messages on {SUBJECT}, {STREAM} is required to"
        here.add_stream()
        assert len(sink.write(alerts).arrived) == 3


def test_another_stream_than_ours_gets_nothing(tmp_path):
    with server(tmp_path, stream=False) as here:
        here.add_stream(name="OTHERS")
        receipt = open_sink(options_of(here.place)).write(some(3))
        assert (list(receipt.arrived), receipt.refused) == ([], {})
        assert "expected stream does not match" in receipt.fault
        assert here.with_stream(lambda js: js.stream_info("OTHERS")).state.messages == 0


def test_what_is_too_large_for_the_server_is_a_dead_letter_and_breaks_no_connection(tmp_path):
    alerts = some(3)
    with server(tmp_path) as here:
        sink = open_sink(options_of(here.place))
        sink.write(alerts)
        (size,) = {len(one.data) for one in here.messages()}
    head = len(f"NATS/1.0\r\nNats-Msg-Id: {alerts[0].id}\r\nNats-Expected-Stream: {STREAM}\r\n\r\n")
    for room, fits in ((head + size, True), (head + size - 1, False)):
        (tmp_path / str(room)).mkdir()
        with server(tmp_path / str(room), f"max_payload: {room}") as here:
            receipt = open_sink(options_of(here.place)).write(alerts)
            assert (len(receipt.arrived), len(receipt.refused), receipt.fault) == ((3, 0, "") if fits else (0, 3, ""))


def test_what_is_too_large_for_the_stream_is_a_dead_letter(tmp_path):
    with server(tmp_path, stream=False) as here:
        here.add_stream(max_msg_size=500)
        receipt = open_sink(options_of(here.place)).write(some(2))
        assert (len(receipt.refused), receipt.fault) == (2, "")
        assert "size" in next(iter(receipt.refused.values()))


def test_a_stream_that_is_full_is_a_fault(tmp_path):
    with server(tmp_path, stream=False) as here:
        here.add_stream(max_msgs=2, discard="new")
        alerts = some(5)
        receipt = open_sink(options_of(here.place)).write(alerts)
        assert (list(receipt.arrived), receipt.refused) == ([one.id for one in alerts[:2]], {})
        assert "maximum messages exceeded" in receipt.fault


def test_a_permission_that_is_missing_is_said_before_the_time_is_up(tmp_path):
    users = "{user: admin, password: admin}, {user: portal, password: hush-this-is-ours, permissions: {publish: other}}"
    with server(tmp_path, f"authorization {{ users: [{users}] }}", user="admin", password="admin") as here:
        sink = open_sink(options_of(here.place, user="portal", password={"env": "NATS_TOKEN"}, timeout_s=60))
        receipt = sink.write(some(2))
        assert (list(receipt.arrived), receipt.refused) == ([], {})
        assert "permissions violation" in receipt.fault.lower()


def test_a_secret_that_is_wrong_is_a_fault_and_the_right_one_is_taken_when_it_comes(tmp_path):
    path = tmp_path / "token"
    path.write_text("not-this-one")
    with server(tmp_path, f"authorization {{ token: {SECRET} }}", token=SECRET) as here:
        sink = open_sink(options_of(here.place, token={"file": path}))
        with pytest.raises(OSError, match="Authorization Violation"):
            sink.write(some(1))
        path.write_text(SECRET + "\n")
        assert sink.write(some(1)).arrived


def test_an_nkey_opens_the_door(tmp_path):
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    (tmp_path / "portal.nk").write_bytes(seed)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    told = f"authorization {{ users: [{{nkey: {public}}}] }}"
    with server(tmp_path, told, nkeys_seed_str=seed.decode()) as here:
        assert open_sink(options_of(here.place, nkey={"file": tmp_path / "portal.nk"})).write(some(1)).arrived


@pytest.fixture
def guarded(tmp_path, certificates):
    told = f"""
        authorization {{ token: {SECRET} }}
        tls {{ cert_file: "{certificates}/server.pem", key_file: "{certificates}/server.key",
               ca_file: "{certificates}/ca.pem", verify: true }}"""
    sink = {"token": {"env": "NATS_TOKEN"}, "cleartext": False, "tls": tls_of(certificates)}
    with server(tmp_path, told, token=SECRET, tls=open_sink(options_of("127.0.0.1:1", **sink))._tls) as here:
        yield here


def tls_of(certificates, ca="ca.pem"):
    mine = {"client_cert": certificates / "client.pem", "client_key": certificates / "client.key"}
    return {"ca_file": certificates / ca} | mine


def test_tls_with_a_certificate_of_ours(guarded, certificates, caplog):
    tls = {"token": {"env": "NATS_TOKEN"}, "cleartext": False, "tls": tls_of(certificates)}
    assert len(open_sink(options_of(guarded.place, **tls)).write(some(3)).arrived) == 3
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda here: tls_of(here, "other.pem"), "certificate verify failed"),
        (lambda here: tls_of(here) | {"server_name": "elsewhere.example.org"}, "certificate verify failed"),
        (lambda here: {"ca_file": here / "ca.pem"}, "certificate|reset|EOF|closed|lost|pipe|not connected"),
    ],
    ids=["an authority that did not sign", "a name that is not its own", "no certificate of ours"],
)
def test_who_cannot_prove_who_he_is_gets_nothing(guarded, certificates, wrong, said):
    tls = {"token": {"env": "NATS_TOKEN"}, "cleartext": False, "tls": wrong(certificates)}
    with pytest.raises(OSError, match=said):
        open_sink(options_of(guarded.place, **tls)).write(some(1))
    assert guarded.ids() == []


def test_a_server_that_says_it_has_no_tls_gets_neither_secret_nor_alert():
    """As somebody between us and the server would say it."""
    heard = bytearray()

    def talk(listener):
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionError):  # who hangs up may leave our PONG unread
            connection.sendall(
                b'INFO {"server_id":"x","version":"2.9.10","headers":true,"max_payload":1048576}\r\nPONG\r\n'
            )
            while part := connection.recv(65536):
                heard.extend(part)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,), daemon=True)
        thread.start()
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        for more in ({"token": {"env": "NATS_TOKEN"}}, {}):
            sink = open_sink(options_of(place, cleartext=False, **more))
            with pytest.raises(OSError, match="does not speak TLS"):
                sink.write(some(1))
            thread.join(10)
            thread = threading.Thread(target=talk, args=(listener,), daemon=True)
            thread.start()
        socket.create_connection(listener.getsockname()).close()
        thread.join(10)
    assert SECRET.encode() not in heard
    assert b"PUB" not in heard


def test_another_server_is_taken_where_one_is_down(plain):
    sink = open_sink(options_of("127.0.0.1:1", servers=["127.0.0.1:1", plain.place]))
    for alert in some(6):  # whichever it tries first
        assert sink.write([alert]).arrived


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"token": {"env": "NO_SUCH_TOKEN"}}, "NO_SUCH_TOKEN"),
        ({"credentials": "/nowhere/portal.creds"}, "/nowhere/portal.creds"),
        ({"nkey": {"env": "NATS_TOKEN"}}, "NATS_TOKEN: the seed of an nkey is required"),
        ({"cleartext": False, "tls": {"ca_file": "/nowhere/ca.pem"}}, "/nowhere/ca.pem"),
    ],
)
def test_what_can_be_seen_before_is_a_fault_of_the_configuration(more, said):
    with pytest.raises(DetectorError, match=said) as fault:
        open_sink(options_of("nats.example.org:4222", **more))
    assert SECRET not in str(fault.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"user": "portal"}, "user and password"),
        ({"token": {"env": "A"}, "nkey": {"env": "B"}}, "one way"),
        ({"subject": "portal.>"}, "subject"),
        ({"servers": ["nats://portal:secret@nats.example.org:4222"]}, "servers"),
        ({"tls": {"ca_file": "ca.pem"}, "cleartext": True}, "not both"),
    ],
)
def test_what_makes_no_sense_is_a_fault_of_the_configuration(more, said):
    with pytest.raises(ValidationError, match=said):
        options_of("nats.example.org:4222", **more)


def test_two_thousand_alerts_through_kills(tmp_path):
    with server(tmp_path) as here:
        torment(rig_of(here), tmp_path, count=2000, faults=2, seed=3)


@pytest.mark.slow
def test_a_hundred_thousand_alerts_through_kills(tmp_path):
    with server(tmp_path) as here:
        torment(rig_of(here), tmp_path, count=100_000, faults=40, seed=3, batch_count=400)
