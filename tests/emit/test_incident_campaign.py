"""A campaign is one incident that holds all its accounts: they are counted, frozen and linked together."""

import pytest

from detector.config import Allow, Config
from detector.emit.incident import Incidents
from tests.emit.signals import CONFIG, at, frame, signal


def found(minutes, *users, ip="192.0.2.7", **more):
    told = {"signal__kind": "model", "rule__id": "account_campaign", "rule__name": "Accounts abused together"}
    told |= {"related__user": list(users), "related__ip": [ip] if ip else [], "source__ip": ip}
    return signal(minutes, None, signal__key=f"portal.source={ip}", **(told | more))


def admitted(*rows, subjects=lambda *_: 0, config=CONFIG):
    incidents = Incidents(config)
    return incidents.admit(frame(*rows), subjects, None), incidents


def test_it_counts_the_persons_of_all_its_accounts_together():
    asked = []

    def subjects(accounts, since, until):
        asked.append((set(accounts), since))
        return 7 * len(accounts)

    alerts, _ = admitted(found(5, "u1", "u2", "u3", signal__start=at(1)), subjects=subjects)
    assert [alert.subjects_count for alert in alerts] == [21]
    assert asked == [({"u1", "u2", "u3"}, at(1))]
    assert alerts[0].account is None
    assert alerts[0].users == ("u1", "u2", "u3")
    assert alerts[0].source_ip == "192.0.2.7"
    assert "holders of two of the accounts" in alerts[0].next_step


def test_its_accounts_learn_nothing_while_it_is_open():
    _, incidents = admitted(found(0, "u1", "u2", "u3"), found(2, "u4"))
    assert set(incidents.frozen_accounts) == {"u1", "u2", "u3", "u4"}


def test_names_that_a_rule_says_were_tried_are_not_its_accounts():
    tried = signal(0, None, related__user=["u7", "u8"], source__ip="192.0.2.7", signal__key="source.ip=192.0.2.7")
    _, incidents = admitted(tried, found(1, "u1", "u2", "u3"))
    assert set(incidents.frozen_accounts) == {"u1", "u2", "u3"}


@pytest.mark.parametrize("first", ["campaign", "account"])
@pytest.mark.parametrize("ip", ["192.0.2.7", None])
def test_it_and_the_incident_of_one_of_its_accounts_name_each_other(first, ip):
    campaign, account = found(0 if first == "campaign" else 5, "u1", "u2", "u3", ip=ip), signal(2, "u2")
    alerts, _ = admitted(campaign, account)
    assert len(alerts) == 2
    assert alerts[1].related_incidents == (alerts[0].incident_id,)


def test_more_accounts_make_no_alert_more_but_are_named_when_it_closes():
    incidents = Incidents(CONFIG)
    rows = [found(0, "u1", "u2", "u3"), *(found(minute, f"u{minute + 3}") for minute in range(1, 5))]
    assert [one.state for one in incidents.admit(frame(*rows), lambda *_: 0, None)] == ["opened"]
    (closed,) = incidents.admit(frame(), lambda *_: 0, at(60 * 24 * 7))
    assert closed.users == ("u1", "u2", "u3", "u4", "u5", "u6", "u7")


def test_it_survives_a_restart():
    rows = [found(0, "u1", "u2", "u3", ip=None), found(4, "u4", ip=None)]
    _, whole = admitted(*rows)
    _, first = admitted(rows[0])
    second = Incidents(CONFIG)
    second.restore(first.snapshot())
    second.admit(frame(rows[1]), lambda *_: 0, None)
    assert second.snapshot() == whole.snapshot()


@pytest.mark.parametrize(("entry", "raised"), [
    ({"rules": ("account_campaign",)}, False),
    ({"accounts": ("u1", "u2", "u3")}, False),
    ({"accounts": ("u1", "u2")}, True),
    ({"networks": ("192.0.2.0/24",)}, False),
    ({"networks": ("198.51.100.0/24",)}, True),
])  # fmt: skip
def test_an_allow_list_silences_it_where_it_covers_all_of_it(entry, raised):
    allow = Allow(**({"reason": "a hospital moves", "until": "2030-01-01"} | entry))
    alerts, incidents = admitted(found(0, "u1", "u2", "u3"), config=Config(allow=(allow,)))
    assert bool(alerts) == raised
    assert incidents.suppressed == (not raised)
