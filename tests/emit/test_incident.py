from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.config import Allow, Config, Rules
from detector.config import Incidents as Settings
from detector.emit.alert import Alert
from detector.emit.incident import MAX_JOINS, Incidents
from detector.emit.waiting import MAX_A_KEY, MAX_KEYS, Waiting
from detector.schema import SIGNAL, empty
from tests.emit.signals import CONFIG, NOON, at, frame, signal


def nobody(account: str, start: datetime, until: datetime) -> int:
    return 0


def minutes_seen(account: str, start: datetime, until: datetime) -> int:
    return int((until - start) / timedelta(minutes=1))


def admit(*rows, config: Config | None = None, watermark: datetime | None = None, subjects=nobody) -> list[Alert]:
    return Incidents(config or CONFIG).admit(frame(*rows), subjects, watermark)


def states(alerts: list[Alert]) -> list[str]:
    return [alert.state for alert in alerts]


def test_one_incident_an_episode_however_many_signals():
    alerts = admit(*(signal(minute) for minute in range(200)))
    assert states(alerts) == ["opened"]
    assert alerts[0].timestamp == NOON
    assert alerts[0].message == "account u1 displayed 40 records in 5 min, usually 6"


def test_accounts_have_incidents_of_their_own():
    alerts = admit(signal(0), signal(1, "u2"))
    assert [(one.account, one.state) for one in alerts] == [("u1", "opened"), ("u2", "opened")]
    assert alerts[0].incident_id != alerts[1].incident_id


def test_a_rise_of_level_escalates_once():
    alerts = admit(signal(0, level="medium"), signal(1, level="high"), signal(2, level="high"))
    assert [(one.state, one.level) for one in alerts] == [("opened", "medium"), ("escalated", "high")]
    assert alerts[1].incident_id == alerts[0].incident_id


def test_risk_raises_the_level_that_the_rule_does_not_name():
    alerts = admit(signal(0, level="medium"), signal(1, level="medium", signal__risk=80.0))
    assert [one.level for one in alerts] == ["medium", "high"]


def test_another_rule_joins_a_bounded_number_of_times():
    alerts = admit(*(signal(n, rule__id=f"r{n}") for n in range(9)))
    assert states(alerts) == ["opened"] + ["escalated"] * MAX_JOINS
    assert alerts[-1].signals_count == MAX_JOINS + 1


def test_a_weak_rule_does_not_escalate():
    assert states(admit(signal(0), signal(1, level="low", rule__id="r2"))) == ["opened"]


def test_signals_of_one_moment_make_one_alert_of_the_gravest():
    alerts = admit(signal(0, level="medium", rule__id="a"), signal(0, level="critical", rule__id="b"))
    assert [(one.state, one.rule_id, one.level) for one in alerts] == [("opened", "b", "critical")]
    assert alerts[0].signals_count == 2


def test_weak_signals_open_nothing_and_show_in_the_next_opening():
    weak = signal(-60, level="low", rule__id="weak", source__ip="198.51.100.9")
    assert admit(weak) == []
    (opened,) = admit(weak, signal(0))
    assert opened.start == at(-60)
    assert "198.51.100.9" in opened.ips
    assert "weak" in {reason.feature for reason in opened.reasons}


def test_weak_signals_of_yesterday_are_forgotten():
    (opened,) = admit(signal(-25 * 60, level="low", rule__id="weak"), signal(0))
    assert opened.start == NOON
    assert opened.signals_count == 1


def test_a_model_opens_at_any_level():
    assert states(admit(signal(0, level="low", signal__kind="model"))) == ["opened"]


def test_min_level_is_the_configured_one():
    config = Config(rules=Rules(min_level="critical"))
    assert admit(signal(0), config=config) == []
    assert states(admit(signal(0, level="critical"), config=config)) == ["opened"]


def test_closes_when_the_watermark_passes_the_quiet():
    quiet = Config(incidents=Settings(quiet_h=1.0))
    assert states(admit(signal(0), config=quiet, watermark=at(59))) == ["opened"]
    opened, closed = admit(signal(0), signal(30), config=quiet, watermark=at(90))
    assert (closed.state, closed.timestamp, closed.end) == ("closed", at(90), at(30))
    assert closed.incident_id == opened.incident_id


def test_a_signal_after_the_quiet_closes_and_opens_anew():
    alerts = admit(signal(0), signal(13 * 60))
    assert states(alerts) == ["opened", "closed", "opened"]
    assert alerts[1].timestamp == at(12 * 60)
    assert alerts[2].incident_id != alerts[0].incident_id


def test_weak_signals_do_not_keep_an_incident_open():
    alerts = admit(signal(0), *(signal(60 * hour, level="low", rule__id="weak") for hour in range(1, 14)))
    assert states(alerts) == ["opened", "closed"]


def test_spraying_is_an_incident_of_its_source():
    victims = [f"u{n}" for n in range(30)]
    (alert,) = admit(signal(0, None, related__user=victims))
    assert (alert.account, alert.source_ip, alert.users) == (None, "192.0.2.7", tuple(victims))


def test_addresses_of_one_ipv6_network_are_one_source():
    rows = [signal(n, None, source__ip=f"2001:db8:1:2::{n:x}") for n in range(3)]
    assert states(admit(*rows)) == ["opened"]


def test_an_account_names_the_open_incident_of_its_address():
    source, account = admit(signal(0, None, related__user=["u2", "u3"]), signal(1, "u9"))
    assert account.related_incidents == (source.incident_id,)


def test_a_signal_of_neither_account_nor_address_still_has_an_incident():
    (alert,) = admit(signal(0, None, source__ip=None, signal__key="portal.network=AS64500"))
    assert (alert.account, alert.source_ip) == (None, None)


def test_accounts_with_an_open_incident_are_frozen_until_it_closes():
    incidents = Incidents(CONFIG)
    incidents.admit(frame(signal(0), signal(1, None)), nobody, at(2))
    assert incidents.frozen_accounts.keys() == {"u1"}
    incidents.admit(empty(SIGNAL), nobody, at(13 * 60))
    assert incidents.frozen_accounts == {}


def test_subjects_are_counted_from_the_first_evidence_to_the_moment_of_the_alert():
    rows = signal(0, signal__start=at(-5)), signal(10, rule__id="r2")
    alerts = admit(*rows, subjects=minutes_seen, watermark=at(24 * 60))
    assert [one.subjects_count for one in alerts] == [5, 15, 5 + 10 + 12 * 60]


def test_a_late_signal_counts_from_when_it_came_in_the_same_batch_or_in_the_next():
    on_time, late = signal(60), signal(-300, rule__id="r2", signal__came=at(60), level="critical")
    later = signal(-400, "u2", signal__came=at(60))
    together = admit(on_time, late, later, watermark=at(60))
    incidents = Incidents(CONFIG)
    apart = incidents.admit(frame(on_time), nobody, at(60))
    apart += incidents.admit(frame(late), nobody, at(60)) + incidents.admit(frame(later), nobody, at(61))
    assert apart == together
    assert [(one.state, one.timestamp, one.start) for one in together] == [
        ("opened", at(60), at(60)),
        ("escalated", at(60), at(-300)),
        ("opened", at(60), at(-400)),
    ]


def test_names_and_reasons_are_bounded():
    rows = [signal(n, rule__id=f"r{n}", source__ip=f"198.51.100.{n}") for n in range(200)]
    *_, closed = admit(*rows, watermark=at(24 * 60))
    assert len(closed.ips) == 100
    assert len(closed.reasons) == 12


def test_the_most_surprising_reason_comes_first_and_no_number_is_endless():
    reason = {"unit": "records", "history_days": 9, "baseline": "account", "text": "x", "expected": 1.0}
    given = [
        reason | {"feature": "time", "observed": 1.0, "surprise": 2.0},
        reason | {"feature": "volume", "observed": float("nan"), "surprise": 9.0},
    ]
    (alert,) = admit(signal(0, portal__reasons=given))
    assert [one.feature for one in alert.reasons] == ["volume", "time"]
    assert alert.reasons[0].observed is None


@pytest.mark.parametrize(
    ("entry", "raised"),
    [
        ({"accounts": ("u1",)}, False),
        ({"accounts": ("u2",)}, True),
        ({"networks": ("192.0.2.0/24",)}, False),
        ({"networks": ("198.51.100.0/24",)}, True),
        ({"rules": ("r1",)}, False),
        ({"rules": ("Rule one",)}, False),
        ({"accounts": ("u1",), "rules": ("r2",)}, True),
        ({"accounts": ("u1",), "until": "2026-03-01"}, True),
        ({"accounts": ("u1",), "until": "2026-03-02"}, False),
    ],
)
def test_allow_list(entry, raised):
    allow = Allow(**({"reason": "a reason", "until": "2030-01-01"} | entry))
    incidents = Incidents(Config(allow=(allow,)))
    assert bool(incidents.admit(frame(signal(0)), nobody, None)) == raised
    assert incidents.suppressed == (not raised)


ROWS = st.builds(
    lambda minute, user, rule, level, ip: signal(
        minute, user, level, rule__id=rule, source__ip=ip, signal__key=f"{user} {ip}"
    ),
    st.integers(0, 60 * 80),
    st.sampled_from([None, "u1", "u2"]),
    st.sampled_from(["r1", "r2", "r3"]),
    st.sampled_from(["informational", "low", "medium", "high", "critical"]),
    st.sampled_from(["192.0.2.7", "198.51.100.9"]),
)


@given(
    st.lists(ROWS, max_size=25, unique_by=lambda r: (r["@timestamp"], r["rule.id"], r["signal.key"])),
    st.lists(st.integers(0, 60 * 120), max_size=4),
)
@settings(max_examples=50, deadline=None)
def test_any_cut_of_the_signals_gives_the_same_alerts(rows, cuts):
    whole = frame(*rows)
    ends = [*sorted(cuts), 60 * 130]
    expected = Incidents(CONFIG).admit(whole, minutes_seen, at(ends[-1]))
    parts, state, begin = [], {}, -1
    for end in ends:
        incidents = Incidents(CONFIG)
        incidents.restore(state)
        chunk = whole.filter(pl.col("@timestamp") > at(begin), pl.col("@timestamp") <= at(end))
        parts += incidents.admit(chunk, minutes_seen, at(end))
        state, begin = incidents.snapshot(), end
    assert sorted(parts, key=lambda one: one.id) == sorted(expected, key=lambda one: one.id)
    assert len({one.id for one in parts}) == len(parts)


def test_weak_signals_that_wait_are_bounded_and_come_back_in_order():
    waiting = Waiting()
    for n in range(MAX_KEYS + 5):
        waiting.add(f"k{n}", [signal(n / 100)])
    for n in range(20):
        waiting.add("k7", [signal(2000 + n)])
    assert len(waiting.by_key) == MAX_KEYS
    assert "k4" not in waiting.by_key
    assert [row["@timestamp"] for row in waiting.by_key["k7"]] == [at(2000 + n) for n in range(20 - MAX_A_KEY, 20)]
    scattered = dict(sorted(waiting.by_key.items()))
    assert list(Waiting(scattered).by_key) == list(waiting.by_key)


def test_the_next_step_is_the_runbook_of_the_rule_that_spoke():
    incidents = Incidents(CONFIG, {"r1": ["Call them.", "Close the session."]})
    rows = signal(0), signal(1, rule__id="r2")
    opened, joined, closed = incidents.admit(frame(*rows), nobody, at(60 * 24))
    assert opened.next_step == "Call them. Close the session."
    assert "u1" in joined.next_step
    assert "Record what it was" in closed.next_step
    assert f"`detector feedback {closed.incident_id} benign`" in closed.next_step


def test_a_lasting_change_closes_the_incident_of_its_account_and_says_why():
    incidents = Incidents(CONFIG)
    incidents.admit(frame(signal(0), signal(0, "u2")), nobody, None)
    reason = dict.fromkeys(("observed", "expected", "unit", "surprise", "history_days", "baseline"))
    changed = {"u1": reason | {"feature": "change", "text": "60 records in the day so far, usually 20"}}
    (closed,) = incidents.reopen(changed, at(600), nobody)
    assert (closed.account, closed.state, closed.timestamp) == ("u1", "closed", at(600))
    assert "(60 records in the day so far, usually 20), for which learning was re-opened," in closed.message
    assert closed.reasons[0].feature == "change"
    assert incidents.frozen_accounts.keys() == {"u2"}


def test_a_word_finds_its_incident_and_the_accounts_of_it():
    incidents = Incidents(CONFIG)
    incidents.admit(frame(signal(0), signal(1, "u2")), nobody, None)
    ids = dict(incidents.frozen_accounts)
    assert ids.keys() == {"u1", "u2"}
    assert incidents.confirm(ids["u1"])
    assert not incidents.confirm("nope")
    assert incidents.abused_accounts == {"u1"}
    assert incidents.accounts_of(ids["u2"]) == ("u2",)
    assert incidents.accounts_of("nope") == ()
