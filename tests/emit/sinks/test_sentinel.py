"""The sink for Microsoft Sentinel against a stub of Logs Ingestion and of who gives tokens that is as strict."""

import pytest

from detector.config import ToSentinel
from detector.emit.sinks import open_sink
from tests.emit.alert.samples import alerts as shapes
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.http_receiver import Reply
from tests.emit.sinks.http_vendors import Sentinel


@pytest.fixture
def receiver():
    with Sentinel() as receiver:
        yield receiver


@pytest.fixture
def told(receiver, tmp_path):
    (tmp_path / "secret").write_text(Sentinel.secret)
    return {
        "url": receiver.url,
        "authority": receiver.url,
        "rule": Sentinel.rule,
        "tenant": "contoso.example.org",
        "client_id": Sentinel.client,
        "client_secret": {"file": tmp_path / "secret"},
    }


@pytest.fixture
def opened(told):
    return lambda **more: open_sink(ToSentinel(**told | QUICK | more))


class TestSentinel(Battery):
    @pytest.fixture
    def rig(self, receiver, told):
        return Rig(
            options=lambda **more: ToSentinel(**told | QUICK | more),
            received=receiver.ids,
            stop=receiver.stop,
            start=receiver.start,
            refuse=receiver.refused.update,
            hang=receiver.hang,
            secret=Sentinel.secret,
        )


def test_the_stream_takes_every_shape_of_alert(opened, receiver):
    receipt = opened().write(shapes())
    assert (receipt.fault, receiver.ids()) == ("", [one.id for one in shapes()])


def test_a_token_serves_until_it_ends(opened, receiver):
    sink = opened()
    for n in range(3):
        sink.write(some(1, first=n))
    assert len(receiver.tokens) == 1
    receiver.lasts_s = 0
    sink = opened()
    for n in range(3):
        sink.write(some(1, first=n))
    assert len(receiver.tokens) == 4


def test_a_token_that_is_withdrawn_is_renewed_once(opened, receiver):
    sink = opened()
    sink.write(some(1))
    receiver.withdraw()
    assert len(sink.write(some(2)).arrived) == 2
    assert len(receiver.tokens) == 2
    receiver.answer, tokens = lambda request: receiver._token(request) if "oauth2" in request.path else Reply(401), 2
    receipt = sink.write(some(2))
    assert (list(receipt.arrived), receipt.refused, receipt.retry_after_s) == ([], {}, 60.0)
    assert len(receiver.tokens) == tokens + 1


def test_the_token_is_not_shown(opened, receiver):
    sink = opened()
    sink.write(some(1))
    assert "token-0" not in repr(sink) + str(sink)


def test_a_secret_that_is_wrong_loses_nothing_and_is_read_again(opened, receiver, tmp_path):
    (tmp_path / "secret").write_text("another")
    sink = opened()
    receipt = sink.write(some(2))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault == "401 Unauthorized: no token: invalid_client: check the credentials"
    (tmp_path / "secret").write_text(Sentinel.secret)
    assert len(sink.write(some(2)).arrived) == 2


@pytest.mark.parametrize("tree", [{}, {"access_token": "x"}, {"access_token": "x\n", "expires_in": 9}, [], "x"])
def test_what_is_no_token_is_not_used(opened, receiver, tree):
    receiver.answer = lambda request: Reply(200, tree)
    assert opened().write(some(1)).fault.startswith("200 OK: ")
    assert len(receiver.requests) == 1


def test_a_call_holds_no_more_than_a_megabyte(opened, receiver):
    alerts = some(2000)
    assert len(opened(gzip=False).write(alerts).arrived) == len(alerts)
    sizes = [len(one.body) for one in receiver.requests if "streams" in one.path]
    assert max(sizes) <= 1_000_001
    assert len(sizes) <= sum(sizes) // 980_000 + 1


def test_a_call_that_is_too_large_all_the_same_is_halved(opened, receiver):
    receiver.most_bytes, alerts = 20_000, some(60)
    assert list(opened().write(alerts).arrived) == [one.id for one in alerts]


def test_the_row_that_is_to_blame_is_found(opened, receiver):
    alerts = some(50)
    receiver.refused.update({alerts[0].id, alerts[31].id})
    receipt = opened().write(alerts)
    assert receipt.refused == {alerts[0].id: "400: InvalidPayload", alerts[31].id: "400: InvalidPayload"}
    assert len(receipt.arrived) == 48


def test_when_no_row_is_taken_the_rule_is_to_blame(opened, receiver):
    alerts = some(50)
    receiver.refused.update(one.id for one in alerts)
    receipt = opened().write(alerts)
    assert (list(receipt.arrived), receipt.refused, receipt.fault) == ([], {}, "400: InvalidPayload")
    assert len(receiver.requests) < 15


@pytest.mark.parametrize("answer", [Reply(200, "<html>"), Reply(202, {}), Reply(404, {"error": {"code": "NotFound"}})])
def test_only_204_is_a_success(opened, receiver, answer):
    real = receiver.answer
    receiver.answer = lambda request: real(request) if "oauth2" in request.path else answer
    receipt = opened().write(some(2))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault.startswith(str(answer.status))
