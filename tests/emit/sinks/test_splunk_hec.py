"""The sink for Splunk's HTTP Event Collector against a stub of it that is as strict."""

import json
import re

import pytest

from detector.config import ToSplunkHec
from detector.emit.sinks import open_sink
from detector.errors import DetectorError
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.http_receiver import Reply
from tests.emit.sinks.http_vendors import TOKEN, SplunkHec


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return {"file": path}


@pytest.fixture
def receiver():
    with SplunkHec() as receiver:
        yield receiver


@pytest.fixture
def opened(receiver, token):
    return lambda **more: open_sink(ToSplunkHec(**{"url": receiver.url, "token": token} | QUICK | more))


class TestSplunkHec(Battery):
    @pytest.fixture(params=["accepted", "acknowledged"])
    def rig(self, request, token):
        acknowledge = request.param == "acknowledged"
        with SplunkHec(acknowledgement=acknowledge) as receiver:
            yield Rig(
                options=lambda **more: ToSplunkHec(
                    **{"url": receiver.url, "token": token, "acknowledge": acknowledge} | QUICK | more
                ),
                received=receiver.ids,
                stop=receiver.stop,
                start=receiver.start,
                refuse=None if acknowledge else receiver.refused.update,  # those before it come twice: see below
                hang=receiver.hang,
                secret=TOKEN,
            )


def test_an_event_says_when_where_and_what(opened, receiver):
    alert = some(1)[0]
    opened(host="portal-1.example.org").write([alert])
    ((one, event),) = receiver.taken
    assert one == alert.id == event["event"]["id"]
    assert event["time"] == round(alert.timestamp.timestamp(), 3)
    assert (event["host"], event["source"], event["sourcetype"]) == (
        "portal-1.example.org",
        "portal-detector",
        "portal:detector:alert",
    )
    assert "index" not in event
    (request,) = receiver.requests
    assert request.sent_bytes < len(request.body)


def test_another_index_format_and_no_compression(token):
    with SplunkHec(index="security") as receiver:
        options = ToSplunkHec(url=receiver.url, token=token, index="security", format="ecs", gzip=False, **QUICK)
        assert open_sink(options).write(some(2)).fault == ""
    assert [event["event"]["event"]["kind"] for _, event in receiver.taken] == ["alert"] * 2
    assert receiver.requests[0].sent_bytes == len(receiver.requests[0].body)


def test_it_goes_on_behind_a_bad_event_and_repeats_none(opened, receiver):
    alerts = some(10)
    receiver.refused.update({alerts[3].id, alerts[9].id})
    receipt = opened().write(alerts)
    assert receipt.refused == {
        alerts[3].id: "400, code 6: Invalid data format",
        alerts[9].id: "400, code 6: Invalid data format",
    }
    assert receiver.ids() == list(receipt.arrived) == [one.id for n, one in enumerate(alerts) if n not in (3, 9)]
    assert len(receiver.requests) == 2


def test_what_stands_before_a_bad_event_is_sent_again_where_only_an_acknowledgement_counts(token):
    alerts = some(5)
    with SplunkHec(acknowledgement=True) as receiver:
        receiver.refused.add(alerts[2].id)
        receipt = open_sink(ToSplunkHec(url=receiver.url, token=token, acknowledge=True, **QUICK)).write(alerts)
        assert receiver.ids() == [alerts[n].id for n in (0, 1, 0, 1, 3, 4)]
    assert list(receipt.refused) == [alerts[2].id]
    assert sorted(receipt.arrived) == sorted(alerts[n].id for n in (0, 1, 3, 4))


def test_an_index_that_is_not_the_tokens_is_a_fault_of_the_configuration(opened, receiver):
    receiver.index = "main"
    receipt = opened().write(some(3))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault == "400 Bad Request: Incorrect index"


def test_a_token_that_is_wrong_loses_nothing_is_said_aloud_and_read_again(opened, receiver, token, caplog):
    sink, alerts = opened(), some(3)
    token["file"].write_text("5a17ed00-0000-4000-8000-000000000000")
    receipt = sink.write(alerts)
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert re.fullmatch("403 Forbidden: Invalid token: check the credentials.*", receipt.fault)
    assert receipt.retry_after_s == 60
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    token["file"].write_text(TOKEN)
    assert len(sink.write(alerts).arrived) == 3


@pytest.mark.parametrize("text", ["", "two\nlines", "\u00e9"])
def test_a_token_that_is_none_is_named_by_its_place(opened, receiver, token, text):
    token["file"].write_text(text)
    receipt = opened().write(some(1))
    assert receipt.fault.startswith(str(token["file"]))
    assert receiver.requests == []


def test_too_much_for_one_request_is_sent_in_parts(opened, receiver):
    alerts = some(60)
    assert list(opened(request_bytes=20_000).write(alerts).arrived) == [one.id for one in alerts]
    assert max(len(one.body) for one in receiver.requests) <= 20_000
    assert len(receiver.requests) < 10


def test_a_request_that_is_too_large_is_halved(opened, receiver):
    receiver.most_bytes, alerts = 10_000, some(60)
    assert list(opened().write(alerts).arrived) == [one.id for one in alerts]


def test_a_limit_that_is_too_low_for_any_alert_makes_no_dead_letters(opened, receiver):
    receiver.most_bytes = 100
    receipt = opened().write(some(60))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault == "413 Content Too Large"
    assert len(receiver.requests) < 20


def test_an_acknowledgement_is_waited_for(token):
    with SplunkHec(acknowledgement=True) as receiver:
        receiver.withheld = 3
        sink = open_sink(ToSplunkHec(url=receiver.url, token=token, acknowledge=True, **QUICK))
        assert len(sink.write(some(5)).arrived) == 5
        assert receiver.asked == 4  # the first asks whether the token does it at all
        assert len(receiver.channels) == 1


def test_what_is_not_acknowledged_in_time_comes_again(token):
    with SplunkHec(acknowledgement=True) as receiver:
        receiver.withheld = 1000
        sink = open_sink(ToSplunkHec(url=receiver.url, token=token, acknowledge=True, acknowledge_s=0.2, **QUICK))
        receipt = sink.write(some(5))
        assert (list(receipt.arrived), receipt.fault) == ([], "not indexed within 0.2 s")
        receiver.withheld = 0
        patient = open_sink(ToSplunkHec(url=receiver.url, token=token, acknowledge=True, **QUICK))
        assert len(patient.write(some(5)).arrived) == 5
    assert len(receiver.ids()) == 10


@pytest.mark.parametrize(("acknowledge", "said"), [(True, "ACK is disabled"), (False, "Data channel is missing")])
def test_who_disagrees_with_the_token_on_acknowledgement_is_told_before_anything_is_sent(token, acknowledge, said):
    with SplunkHec(acknowledgement=not acknowledge) as receiver:
        sink = open_sink(ToSplunkHec(url=receiver.url, token=token, acknowledge=acknowledge, **QUICK))
        assert said in sink.write(some(5)).fault
    assert receiver.ids() == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": "Success"}, "200 OK: Success"),
        ({"text": "Success", "code": 8}, "200 OK: Success"),
        ([], "an answer in JSON is required"),
        ("OK", "an answer in JSON is required"),
    ],
)
def test_a_200_that_does_not_say_success_is_none(opened, receiver, answer, said):
    receiver.answer = lambda request: Reply(200, json.dumps(answer))
    receipt = opened().write(some(2))
    assert list(receipt.arrived) == []
    assert said in receipt.fault


def test_a_place_without_tls_is_refused_unless_it_is_this_machine(token):
    with pytest.raises(ValueError, match="https is required"):
        ToSplunkHec(url="http://splunk.example.org:8088", token=token)
    assert ToSplunkHec(url="http://splunk.example.org:8088", token=token, cleartext=True).place
    for url in ("https://u:p@splunk.example.org", "splunk.example.org:8088", "https://[", "https://a b/", "ftp://a"):
        with pytest.raises(ValueError, match=r"required|does not belong"):
            ToSplunkHec(url=url, token=token)


def test_certificates_that_are_not_there_are_named_when_it_is_opened(token, tmp_path):
    with pytest.raises(DetectorError, match=r"none\.pem"):
        open_sink(
            ToSplunkHec(url="https://splunk.example.org", token=token, tls={"ca_file": tmp_path / "none.pem"}, **QUICK)
        )
