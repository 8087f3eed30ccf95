"""HTTP itself: what every sink over it does when connection, certificate, proxy or answer are not as they should be."""

import contextlib
import email.utils
import re
import socket
import ssl
import threading

import pytest

from detector import clock
from detector.config import ToSplunkHec
from detector.emit.sinks import open_sink
from detector.emit.sinks.http import Answer, AnswerError, words
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK
from tests.emit.sinks.certificates import make_certificates
from tests.emit.sinks.http_receiver import Reply
from tests.emit.sinks.http_vendors import TOKEN, SplunkHec


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return {"file": path}


@pytest.fixture
def receiver():
    with SplunkHec() as receiver:
        yield receiver


@pytest.fixture
def opened(receiver, token):
    return lambda **more: open_sink(ToSplunkHec(**{"url": receiver.url, "token": token} | QUICK | more))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (429, "429 Too Many Requests: Server is busy"),
        (503, "503 Service Unavailable: Server is busy"),
        ("reset_reading", "Connection reset by peer|Broken pipe"),
        ("reset_answering", "Connection reset by peer|the answer broke off"),
        ("cut", "the answer broke off"),
        ("drip", "the answer did not end within 0.3 s|timed out"),
        ("lie", "200 OK: an answer in JSON is required"),
        ("redirect", "307 Temporary Redirect: a redirect is not followed"),
    ],
)
def test_what_goes_wrong_is_named_and_nothing_is_taken_for_delivered(opened, receiver, fault, said):
    receiver.faults.append(fault)
    sink, alerts = opened(**{"timeout_s": 0.3} if fault == "drip" else {}), some(300)
    receipt = sink.write(alerts)
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert re.search(said, receipt.fault)
    sink.close()
    assert list(opened().write(alerts).arrived) == [one.id for one in alerts]


def test_a_receiver_that_reads_slowly_is_none_the_worse(opened, receiver):
    receiver.faults.append("slow_read")
    assert len(opened(gzip=False).write(some(500)).arrived) == 500


@pytest.mark.parametrize(("said", "wait_s"), [("7", 7.0), ("soon", None), ("", None), ("-1", None)])
def test_the_pause_that_is_asked_for_is_passed_on(opened, receiver, said, wait_s):
    receiver.retry_after = said
    receiver.faults.append(503)
    assert opened().write(some(1)).retry_after_s == wait_s


def test_a_pause_may_be_asked_for_as_a_date(opened, receiver):
    later = clock.now().timestamp() + 90
    receiver.retry_after = email.utils.formatdate(later, usegmt=True)
    receiver.faults.append(503)
    assert 30 < opened().write(some(1)).retry_after_s <= 90


def test_one_connection_serves_many_requests(opened, receiver):
    sink, seen = opened(), []
    for n in range(5):
        sink.write(some(1, first=n))
        seen += receiver._connections
    assert len(set(seen)) == 1
    sink._http._used_s -= 60  # a minute without an alert
    sink.write(some(1, first=9))
    assert not receiver._connections <= set(seen)
    sink.close()


def test_nobody_there_and_no_such_name_are_faults(token):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        assert open_sink(ToSplunkHec(url=url, token=token, **QUICK)).write(some(1)).fault == (
            "127.0.0.1: Connection refused"
        )
    sink = open_sink(ToSplunkHec(url="https://nowhere.invalid", token=token, **QUICK))
    assert re.match("nowhere.invalid: (Name or service not known|.*resolution)", sink.write(some(1)).fault)


def test_an_answer_without_end_is_not_read_into_memory(opened, receiver):
    receiver.answer = lambda request: Reply(200, "x" * 9_000_000)
    assert "at most 8,000,000 bytes" in opened().write(some(1)).fault


HEAD = b"HTTP/1.1 200 OK\r\n"
NONSENSE = {
    "nothing": b"",
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
    "no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "no such number": b"HTTP/1.1 99999 OK\r\n\r\n",
    "another protocol": b"\x15\x03\x03\x00\x02\x02\x28",
    "a length below none": HEAD + b"Content-Length: -5\r\n\r\n{}",
    "a length of words": HEAD + b"Content-Length: many\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "chunks that are none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk that breaks off": HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\n{",
    "a header without end": HEAD + b"X: " + b"x" * 100_000,
    "too many headers": HEAD + b"X: x\r\n" * 200 + b"\r\n{}",
    "JSON without bottom": HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000,
    "JSON that is not UTF-8": HEAD + b'Content-Length: 3\r\n\r\n"\xff"',
    "a redirect to nowhere": b"HTTP/1.1 301 Moved\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "compressed": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_whatever_answers_the_alerts_are_kept(opened, token, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000_000)
                with contextlib.suppress(OSError):
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        receipt = opened(url=url, timeout_s=0.5).write(some(2))
        thread.join(10)
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def safe(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with SplunkHec(tls=context) as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ({"ca_file": "ca.pem", "client_cert": "client.pem", "client_key": "client.key"}, ""),
        (
            {
                "ca_file": "ca.pem",
                "client_cert": "client.pem",
                "client_key": "client.key",
                "server_name": "siem.example.org",
            },
            "",
        ),
        ({"ca_file": "ca.pem"}, "certificate required|reset|EOF|[Bb]roken pipe|closed|not connected"),
        ({"ca_file": "other.pem"}, "TLS: certificate verify failed: "),
        ({}, "TLS: certificate verify failed: "),
        (
            {
                "ca_file": "ca.pem",
                "client_cert": "client.pem",
                "client_key": "client.key",
                "server_name": "elsewhere.example.org",
            },
            "TLS: certificate verify failed: Hostname mismatch",
        ),
    ],
)
def test_who_cannot_prove_who_he_is_gets_and_gives_nothing(safe, token, certificates, tls, said):
    tls = {name: value if name == "server_name" else certificates / value for name, value in tls.items()}
    receipt = open_sink(ToSplunkHec(url=safe.url, token=token, tls=tls, **QUICK)).write(some(1))
    assert re.search(said, receipt.fault) if said else not receipt.fault
    assert len(receipt.arrived) == len(safe.ids()) == (0 if said else 1)


class Proxy(SplunkHec):
    """A proxy for http:// that answers itself: what it sees is what matters."""

    def answer(self, request):
        assert self.password in (None, request.headers.get("Proxy-Authorization"))
        return super().answer(request)

    password = None


def test_a_proxy_is_used_when_it_is_named_and_the_environments_only_then(opened, token, receiver, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://u:secret@"))
        monkeypatch.setenv("no_proxy", "")
        opened().write(some(1))
        assert (len(receiver.ids()), len(proxy.ids())) == (1, 0)
        opened(proxy=proxy.url).write(some(1, first=1))
        assert (len(receiver.ids()), len(proxy.ids())) == (1, 1)
        proxy.password = "Basic dTpzZWNyZXQ="
        assert opened(proxy="environment").write(some(1, first=2)).fault == ""
        assert (len(receiver.ids()), len(proxy.ids())) == (1, 2)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        opened(proxy="environment").write(some(1, first=3))
        assert (len(receiver.ids()), len(proxy.ids())) == (2, 2)
        proxy.stop()
        fault = opened(proxy=proxy.url).write(some(1)).fault
        assert "refused" in fault
        assert "secret" not in fault


def test_only_plain_words_of_a_receiver_come_back():
    assert words("Invalid data format") == "Invalid data format"
    assert [words(one) for one in ("user=u1", "<b>", "x" * 81, None, 3, "")] == [""] * 6


def test_an_unknown_status_is_a_fault_too():
    assert str(AnswerError(Answer(599, b""))) == "599"
