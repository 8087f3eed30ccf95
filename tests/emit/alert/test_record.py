import pytest
from hypothesis import given, settings

from detector.emit.alert import Alert, who
from tests.emit.alert.samples import alerts, hostile


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_the_outbox_text_gives_the_alert_back(alert):
    assert Alert.from_json(alert.as_json()) == alert


@given(alert=hostile)
@settings(max_examples=20, deadline=None)
def test_also_of_an_alert_that_an_attacker_worded(alert):
    assert Alert.from_json(alert.as_json()) == alert


def test_the_samples_cover_every_turn_and_shape():
    assert {one.state for one in alerts()} == {"opened", "escalated", "closed"}
    assert {one.rule_category for one in alerts()} == {"rule", "model"}
    assert None in {one.account for one in alerts()}
    assert None in {one.source_ip for one in alerts()}


def test_the_user_of_a_source_is_its_only_account_or_nobody():
    names = {one.source_ip: who.user_of(one) for one in alerts() if one.account is None}
    assert names == {"2001:db8::9": None, "printer.example": "u6", None: None}


@pytest.mark.parametrize(
    ("network", "number"), [("AS3215", 3215), ("AS", None), ("ASx", None), ("AS²", None), ("x", None), (None, None)]
)
def test_a_number_of_an_autonomous_system(network, number):
    assert who.as_number(network) == number


def test_what_is_no_address_is_kept_apart():
    alert = next(one for one in alerts() if one.source_ip == "printer.example")
    assert who.addresses(alert) == []
    assert who.hosts(alert) == ["printer.example"]
