"""The sink for webhooks: signatures, and the templates against stubs of those who take them."""

import hashlib
import hmac
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.config import ToWebhook
from detector.emit.sinks import open_sink
from detector.emit.sinks.http import Piece
from detector.emit.sinks.webhook import signed
from detector.emit.sinks.webhook_templates import body, escaped_markdown, inert
from detector.errors import DetectorError
from tests.emit.alert.samples import alerts as shapes
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.http_receiver import Reply, Request
from tests.emit.sinks.http_vendors import PagerDuty, Slack, Teams, TheHive, Webhook


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_text(Webhook.secret)
    return {"file": tmp_path / "secret"}


@pytest.fixture
def receiver():
    with Webhook() as receiver:
        yield receiver


@pytest.fixture
def opened(receiver, secret):
    told = {"url": f"{receiver.url}/alerts", "signature": {"secret": secret}}
    return lambda **more: open_sink(ToWebhook(**told | QUICK | more))


class TestWebhook(Battery):
    @pytest.fixture
    def rig(self, receiver, secret):
        told = {"url": f"{receiver.url}/alerts", "signature": {"secret": secret}}
        return Rig(
            options=lambda **more: ToWebhook(**told | QUICK | more),
            received=receiver.ids,
            stop=receiver.stop,
            start=receiver.start,
            send_back=receiver.to_send_back.update,
            refuse=receiver.refused.update,
            hang=receiver.hang,
            secret=Webhook.secret,
        )


def test_what_is_refused_says_why_and_those_behind_it_go_on(opened, receiver):
    alerts = some(5)
    receiver.refused.add(alerts[2].id)
    receipt = opened().write(alerts)
    assert receipt.refused == {alerts[2].id: "422 Unprocessable Entity: Unknown field"}
    assert list(receipt.arrived) == [one.id for one in alerts if one is not alerts[2]]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 410, 429, 500, 501, 503])
def test_any_other_answer_keeps_the_alert_and_those_behind_it(opened, receiver, status):
    receiver.faults += ["", status]
    alerts = some(3)
    receipt = opened().write(alerts)
    assert (list(receipt.arrived), receipt.refused) == ([alerts[0].id], {})
    assert receipt.fault.startswith(str(status))


def test_which_answers_refuse_is_configured(opened, receiver):
    receiver.faults += [410, 422]
    sink, alerts = opened(refused_statuses=[410]), some(2)
    receipt = sink.write(alerts)
    assert (list(receipt.refused), receipt.fault[:3]) == ([alerts[0].id], "422")


@pytest.mark.parametrize(("status", "text"), [(200, "<!DOCTYPE html><title>Log in"), (203, "<html>")])
def test_a_web_page_is_no_receiver(opened, receiver, status, text):
    receiver.accepted = Reply(status, text)
    assert list(opened().write(some(2)).arrived) == []


def test_a_secret_that_is_another_loses_nothing(opened, receiver, secret):
    secret["file"].write_text("whsec_b3RoZXI=")
    assert opened().write(some(1)).fault.startswith("401 Unauthorized: No matching signature found")
    secret["file"].write_text("whsec_?")
    assert "base64 is required behind whsec_" in opened().write(some(1)).fault


def test_signatures_are_those_of_the_standard_and_of_the_page(tmp_path):
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    options = ToWebhook(url="https://soar.example.org", signature={"secret": {"file": tmp_path / "secret"}})
    piece = Piece("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    assert signed(piece, options.signature, 1614265330) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    (tmp_path / "secret").write_text("plain")
    hexed = options.signature.model_copy(update={"scheme": "hex", "signature_header": "X-Signature"})
    assert signed(piece, hexed, 7)["X-Signature"] == (
        "sha256=" + hmac.new(b"plain", b"7." + piece.data, hashlib.sha256).hexdigest()
    )


TEMPLATES = {"slack": Slack, "teams": Teams, "pagerduty": PagerDuty, "thehive": TheHive}
PATHS = {
    "slack": "/services/T000/B000/secret",
    "teams": "/workflows/1?sig=x",
    "pagerduty": "/v2/enqueue",
    "thehive": "/api/v1/alert",
}


def options(template, receiver, folder, **more):
    (folder / "url").write_text(receiver.url + PATHS[template])
    told = {"template": template, "url_from": {"file": folder / "url"}}
    if key := getattr(receiver, "key", None):
        (folder / "key").write_text(key)
        told["token"] = {"file": folder / "key"}
    return ToWebhook(**told | QUICK | more)


@pytest.mark.parametrize("template", TEMPLATES)
def test_who_it_is_for_takes_every_shape_of_alert(template, tmp_path):
    with TEMPLATES[template]() as receiver:
        alerts = [one for one in shapes() if template != "pagerduty" or one.state != "closed"]
        receipt = open_sink(options(template, receiver, tmp_path)).write(alerts)
        assert (receipt.fault, receipt.refused) == ("", {})
        assert receiver.ids() == [one.id for one in alerts]


def test_pagerduty_triggers_and_resolves_the_incident(tmp_path):
    one = some(1)[0]
    with PagerDuty() as receiver:
        open_sink(options("pagerduty", receiver, tmp_path)).write([one, replace(one, id="2", state="closed")])
        (_, first), (_, last) = receiver.taken
    assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"] == one.incident_id


def test_a_routing_key_that_is_wrong_makes_no_dead_letters(tmp_path):
    with PagerDuty() as receiver:
        receiver.key = "0" * 32
        told = options("pagerduty", receiver, tmp_path)
        receiver.key = "1" * 32
        receipt = open_sink(told).write(some(2))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault == "400 Bad Request: Event object is invalid"


def test_thehive_has_an_alert_once_and_a_repeat_is_a_success(tmp_path):
    with TheHive() as receiver:
        sink = open_sink(options("thehive", receiver, tmp_path))
        for _ in range(2):
            assert len(sink.write(some(2)).arrived) == 2
        assert len(receiver.taken) == 2


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        ("slack", Reply(200, "<html>Sign in</html>")),
        ("teams", Reply(200, "Webhook message delivery failed with error: 429")),
        ("pagerduty", Reply(200, {"status": "success"})),
        ("pagerduty", Reply(202, {"status": "queued"})),
        ("thehive", Reply(200, {})),
        ("thehive", Reply(204)),
    ],
)
def test_a_success_that_the_real_one_does_not_say_is_none(template, answer, tmp_path):
    with TEMPLATES[template]() as receiver:
        receiver.accepted = answer
        receipt = open_sink(options(template, receiver, tmp_path)).write(some(2))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault


@pytest.mark.parametrize(
    "url", ["http://chat.example.org/x", "chat.example.org", "https://[", "", "file:///etc/passwd"]
)
def test_an_address_that_is_a_secret_is_looked_at_when_it_is_used(url, tmp_path):
    (tmp_path / "url").write_text(url)
    sink = open_sink(ToWebhook(url_from={"file": tmp_path / "url"}, template="slack", **QUICK))
    fault = sink.write(some(1)).fault
    assert str(tmp_path / "url") in fault
    assert not url or url not in fault


ONE = some(1)[0]
HOSTILE = st.text(
    st.one_of(st.sampled_from("<>&@|*_~`[]()!#:/.\\\n\r\u202e"), st.characters(codec="utf-8")), max_size=200
) | st.sampled_from(["<!channel>", "<@U123>", "[x](http://evil.example)", "<at>all</at>", "http://evil.example", "```"])


@settings(max_examples=20, deadline=None)
@given(user=HOSTILE, text=HOSTILE, rule=HOSTILE)
@pytest.mark.parametrize("template", TEMPLATES)
def test_no_text_of_an_attacker_is_more_than_text(template, user, text, rule):
    alert = replace(ONE, account=user, users=(user,), message=text or "x", rule_name=rule, client=text)
    receiver = TEMPLATES[template]()
    key = getattr(receiver, "key", None)
    made = body(template, alert, key)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    answer = receiver.answer(Request(PATHS[template].partition("?")[0], {}, headers, made, len(made)))
    assert answer == receiver.accepted, answer
    assert len(made) <= 7800


@given(HOSTILE)
def test_markdown_shows_the_text_as_it_is(text):
    escaped = escaped_markdown(text)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped) == inert(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]()*_`#!@&]", escaped)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "url or url_from is required"),
        ({"url": "https://a.example.org", "url_from": {"env": "X"}}, "not both"),
        ({"template": "pagerduty"}, "needs token"),
        ({"url": "https://hooks.example.org/x?token=1"}, "does not belong"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_the_configuration(told, said):
    with pytest.raises(ValueError, match=said):
        ToWebhook(**told)


def test_plain_alerts_come_in_every_format(opened, receiver):
    for form in ("ecs", "ocsf", "cim", "asim", "gelf"):
        opened(format=form).write(some(1))
    assert len({json.dumps(sorted(document)) for _, document in receiver.taken}) == 5


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path):
    sink = open_sink(ToWebhook(url="https://a.example.org", template="pagerduty", token={"file": tmp_path / "none"}))
    with pytest.raises(DetectorError, match="none"):
        sink.write(some(1))
