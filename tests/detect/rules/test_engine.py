"""Rules over a stream: across midnight, files and restarts; lateness, allow-lists, filters, overrides."""

from datetime import date

import polars as pl
import pytest

from detector.config import Allow
from detector.detect.rules.proof import frame
from detector.errors import FaultsError
from detector.schema import LATE, SIGNAL

FAILED = """
title: Failed
id: 10000000-0000-4000-8000-000000000001
name: failed
logsource: {category: webserver}
detection:
  sel: {portal.action: logon, event.outcome: failure}
  condition: sel
"""
PASSED = """
title: Passed
id: 10000000-0000-4000-8000-000000000002
name: passed
logsource: {category: webserver}
detection:
  sel: {portal.action: logon, event.outcome: success}
  condition: sel
custom: {output: false}
"""
COUNT = """
title: Many failed
id: 10000000-0000-4000-8000-000000000003
name: many
level: high
status: test
date: 2026-01-02
tags: [attack.credential-access, attack.t1110.003, attack.defense_evasion, owasp.oat-007]
correlation:
  type: event_count
  rules: [failed]
  group-by: [user.name]
  timespan: 10m
  condition: {gte: 3}
custom: {message: "{user.name} failed {count} times in {timespan}, limit {threshold}", unit: tries}
"""
CHAIN = """
title: Failed then passed
id: 10000000-0000-4000-8000-000000000004
correlation:
  type: temporal_ordered
  rules: [many, passed]
  group-by: [cs-username]
  timespan: 1h
"""


def failures(user: str, count: int, at: str = "+1s", every: str = "1m", **more: object) -> dict[str, object]:
    fixed = {"portal.action": "logon", "event.outcome": "failure", "user.name": user, "source.ip": "192.0.2.9"}
    return fixed | {"repeat": count, "every": every, "@timestamp": at} | more


def success(user: str, at: str = "+1s", **more: object) -> dict[str, object]:
    return failures(user, 1, at) | {"event.outcome": "success"} | more


def names(signals: pl.DataFrame) -> list[str]:
    return signals["rule.name"].to_list()


def test_a_signal_says_everything(pack):
    signals = pack(FAILED, COUNT).observe(frame([failures("ann", 4)]))
    assert signals.schema == SIGNAL
    (signal,) = signals.rows(named=True)
    assert signal["signal.kind"] == "rule"
    assert signal["rule.id"] == "10000000-0000-4000-8000-000000000003"
    assert signal["rule.version"] == "2026-01-02"
    assert (signal["rule.level"], signal["signal.risk"], signal["signal.count"]) == ("high", 73.0, 3)
    assert signal["signal.key"] == "user.name=ann"
    assert signal["signal.text"] == "ann failed 3 times in 10 minutes, limit 3"
    assert (signal["@timestamp"] - signal["signal.start"]).total_seconds() == 120
    assert (signal["user.name"], signal["source.ip"]) == ("ann", "192.0.2.9")
    assert (signal["related.user"], signal["related.ip"]) == (["ann"], ["192.0.2.9"])
    assert signal["threat.technique.id"] == ["T1110.003"]
    assert signal["threat.tactic.id"] == ["TA0006", "TA0005"]
    (reason,) = signal["portal.reasons"]
    assert (reason["feature"], reason["observed"], reason["expected"]) == ("Many failed", 3.0, 3.0)
    assert (reason["unit"], reason["surprise"]) == ("tries", None)


@pytest.mark.parametrize("begin", ["2026-03-02T23:57:30Z", "2026-12-31T23:58:00Z", "2026-03-02T09:59:00Z"])
def test_a_chain_across_midnight_the_hour_and_a_rotated_file(pack, begin):
    rules = pack(FAILED, PASSED, COUNT, CHAIN)
    yesterday = [failures("ann", 2, begin, **{"log.file.path": "access.log.1"})]
    today = [failures("ann", 1, "+2m", **{"log.file.path": "access.log"}), success("ann", "+5m")]
    events = frame([*yesterday, *today])
    assert names(rules.observe(events[:2])) == []
    assert names(rules.observe(events[2:3])) == []  # counted, and spoken for, by the chain
    saved = rules.snapshot()
    again = pack(FAILED, PASSED, COUNT, CHAIN)
    again.restore(saved)
    assert names(again.observe(events[3:])) == ["Failed then passed"]


def test_mute_reaches_over_a_restart(pack):
    rules = pack(FAILED, COUNT)
    events = frame([failures("ann", 30, every="1m")])
    assert rules.observe(events[:15]).height == 2
    again = pack(FAILED, COUNT)
    again.restore(rules.snapshot())
    assert again.observe(events[15:]).height == 1


def test_a_changed_rule_starts_afresh(pack):
    events = frame([failures("ann", 4)])
    rules = pack(FAILED, COUNT)
    rules.observe(events[:2])
    changed = pack(FAILED, COUNT.replace("gte: 3", "gte: 2"))
    changed.restore(rules.snapshot())
    assert changed.observe(events[2:3]).height == 0
    assert changed.observe(events[3:]).height == 1


def test_restore_of_nothing_and_of_a_rule_less_snapshot(pack):
    rules = pack(FAILED, COUNT)
    rules.restore({})
    rules.restore(pack(FAILED).snapshot())
    assert rules.observe(frame([failures("ann", 3)])).height == 1


def test_late_events_meet_single_event_rules_only(pack):
    rules = pack(FAILED.replace("condition: sel", "condition: sel\ncustom: {output: true}"), COUNT)
    late = frame([failures("ann", 3)]).with_columns(pl.lit(True).alias(LATE))
    assert names(rules.observe(late)) == ["Failed"]


def test_events_out_of_order_do_not_break_windows(pack):
    rules = pack(FAILED, COUNT)
    events = frame([failures("ann", 3)])
    assert rules.observe(events[[2, 0, 1]]).height == 0  # the two that came after their time do not count


def test_an_allow_list_applies_before_counting_until_its_last_day(pack):
    entry = Allow(reason="pen test", until=date(2026, 3, 2), accounts=("ann",))
    rules = pack(FAILED, COUNT, allow=(entry,))
    assert rules.observe(frame([failures("ann", 5), failures("bob", 3)]))["user.name"].to_list() == ["bob"]
    assert rules.muted == {"pen test": 5}
    after = frame([failures("ann", 3, "2026-03-02T23:00:00Z")])  # midnight in Paris
    assert rules.observe(after)["user.name"].to_list() == ["ann"]


def test_an_allow_list_of_networks_and_of_one_rule(pack):
    entry = Allow(reason="hospital", until=date(2027, 1, 1), networks=("192.0.2.0/24",), rules=("many",))
    rules = pack(FAILED.replace("condition: sel", "condition: sel\ncustom: {output: true}"), COUNT, allow=(entry,))
    events = frame([failures("ann", 3), failures("bob", 3, **{"source.ip": "198.51.100.1"})])
    assert sorted(names(rules.observe(events))) == ["Failed", "Failed", "Many failed"]
    assert rules.muted == {"hospital": 3}


def test_an_entry_for_a_model_leaves_rules_alone(pack):
    entry = Allow(reason="vacation", until=date(2027, 1, 1), rules=("volume",))
    rules = pack(FAILED, COUNT, allow=(entry,))
    assert rules.observe(frame([failures("ann", 3)])).height == 1
    assert rules.muted == {}


def test_a_filter_applies_before_counting_and_is_counted(pack):
    fltr = """
title: The scanner of ours
logsource: {category: webserver}
filter:
  rules: [failed]
  ours: {c-ip|cidr: 192.0.2.0/28}
  condition: not ours
"""
    rules = pack(FAILED, COUNT, fltr)
    events = frame([failures("ann", 3), failures("bob", 3, **{"source.ip": "198.51.100.1"})])
    assert rules.observe(events)["user.name"].to_list() == ["bob"]
    assert rules.muted == {"The scanner of ours": 3}
    again = pack(FAILED, COUNT, fltr)
    again.restore(rules.snapshot())
    assert again.muted == rules.muted
    (*_, last) = again.muted_latest["The scanner of ours"]
    assert (last["rule.name"], last["user.name"], last["source.ip"]) == ("Failed", "ann", "192.0.2.9")
    assert (last["@timestamp"], last["log.offset"]) == ("2026-03-02T08:02:01.000Z", 2)


def test_a_filter_for_one_correlation_leaves_the_others_their_events(pack):
    other = COUNT.replace("Many failed", "Others see them").replace("name: many", "name: others")
    other = "\n".join(line for line in other.splitlines() if not line.startswith("id:"))
    fltr = """
title: The scanner of ours
logsource: {category: webserver}
filter:
  rules: [failed]
  ours: {c-ip|cidr: 192.0.2.0/28}
  condition: not ours
custom: {for: [many]}
"""
    rules = pack(FAILED, COUNT, other, fltr)
    events = frame([failures("ann", 3), failures("bob", 3, **{"source.ip": "198.51.100.1"})])
    found = rules.observe(events)
    assert sorted(found.select("rule.name", "user.name").rows()) == [
        ("Many failed", "bob"),
        ("Others see them", "ann"),
        ("Others see them", "bob"),
    ]
    assert rules.muted == {"The scanner of ours": 3}


@pytest.mark.parametrize("bound", ["", "for: many, "])
def test_a_filter_ends_with_its_last_local_day_and_says_why(pack, bound):
    fltr = "title: Ours\nlogsource: {category: webserver}\n"
    fltr += "filter: {rules: [failed], s: {c-ip|exists: true}, condition: not s}"
    rules = pack(FAILED, COUNT, f"{fltr}\ncustom: {{{bound}reason: ticket 4711, until: 2026-03-02}}\n")
    events = [failures("ann", 3, "2026-03-02T22:50:00Z"), failures("bob", 3, "2026-03-02T23:00:00Z")]
    assert rules.observe(frame(events))["user.name"].to_list() == ["bob"]
    assert rules.muted == {"Ours: ticket 4711": 3}


def test_only_filters_have_an_end(pack):
    with pytest.raises(FaultsError, match=r"only a filter has custom\.until"):
        pack(FAILED.replace("condition: sel", "condition: sel\ncustom: {until: 2026-03-02}"))


@pytest.mark.parametrize(("named", "why"), [("failed", "is no correlation"), ("gone", "no loaded file defines")])
def test_a_filter_is_bound_to_correlations_alone(pack, named, why):
    fltr = "title: F\nlogsource: {category: webserver}\nfilter: {rules: [failed], s: {c-ip: a}, condition: not s}"
    with pytest.raises(FaultsError, match=f"names rule '{named}', which {why}"):
        pack(FAILED, COUNT, f"{fltr}\ncustom: {{for: {named}}}\n")


def test_a_filter_for_another_log_source_does_nothing(pack):
    fltr = "title: F\nlogsource: {category: dns}\nfilter: {rules: any, s: {c-ip|exists: true}, condition: not s}\n"
    rules = pack(FAILED, COUNT, fltr)
    assert rules.observe(frame([failures("ann", 3)])).height == 1


def test_thresholds_and_disabled_rules(pack):
    rules = pack(FAILED, COUNT, rules={"thresholds": {"many": 2}})
    (signal,) = rules.observe(frame([failures("ann", 2)])).rows(named=True)
    assert signal["signal.text"].endswith("limit 2")
    rules = pack(FAILED, PASSED, COUNT, CHAIN, rules={"disabled": ["Failed then passed"]})
    assert rules.observe(frame([failures("ann", 3), success("ann")])).height == 0


def test_each_threshold_of_a_rule_can_be_overridden(pack):
    also = COUNT.replace("unit: tries", "unit: tries, also: [{type: event_count, lt: 9}, {type: gap_median, lte: 5m}]")

    def names_found(*numbers):
        found = pack(FAILED, also, rules={"thresholds": {"many": numbers}}).observe(frame([failures("ann", 4)]))
        return found["user.name"].to_list()

    assert names_found(None, 9) == names_found(4) == names_found(3, None, 60) == ["ann"]
    assert names_found(5) == names_found(None, 3) == names_found(None, None, 0.5) == []
    with pytest.raises(FaultsError, match=r"rule 'many' has 3 thresholds, 4 came"):
        names_found(3, 9, 300, 1)


def test_what_a_correlation_counts_speaks_only_if_it_says_so(pack):
    events = frame([failures("ann", 3)])
    assert names(pack(FAILED, COUNT).observe(events)) == ["Many failed"]
    generated = COUNT.replace("timespan: 10m", "timespan: 10m\n  generate: true")
    assert sorted(names(pack(FAILED, generated).observe(events))) == ["Failed", "Many failed"]


def test_what_speaks_to_nobody_remembers_no_silence(pack):
    rules = pack(FAILED, PASSED, COUNT, CHAIN)
    found = rules.observe(frame([failures("ann", 4), failures("bob", 4), success("ann", "+10m")]))
    assert names(found) == ["Failed then passed"]
    silences = {one.rule.title: len(one.firing.last) for one in rules._correlators.values()}
    assert silences == {"Many failed": 0, "Failed then passed": 1}


def test_null_groups_are_no_group(pack):
    rules = pack(FAILED, COUNT)
    assert rules.observe(frame([{**failures("x", 5), "user.name": None}])).height == 0


def test_no_group_by_is_one_group(pack):
    rules = pack(FAILED, COUNT.replace("group-by: [user.name]", "group-by: []"))
    (signal,) = rules.observe(frame([failures("u{i}", 3)])).rows(named=True)
    assert (signal["related.user"], signal["signal.key"], signal["user.name"]) == (["u0", "u1", "u2"], "", None)


def test_windows_are_bounded_and_evictions_counted(pack):
    from detector.config import State

    rules = pack(FAILED, COUNT.replace("timespan: 10m", "timespan: 30d"), state=State(max_rows_per_window=1000))
    for start in range(12):
        begin = f"2026-03-02T{start:02d}:00:00Z"
        rules.observe(frame([{**failures(f"{start}-{{i}}", 1000, begin, "1s"), "source.ip": None}]))
    assert rules.rows <= 5096
    assert sum(rules.evicted.values()) > 0


def test_a_group_keeps_no_more_rows_than_its_rule_needs(pack):
    rules = pack(FAILED, COUNT.replace("timespan: 10m", "timespan: 30d"))
    for start in range(12):
        rules.observe(frame([failures("ann", 1000, f"2026-03-02T{start:02d}:00:00Z", "1s")]))
    assert rules.rows < 6000
    assert sum(rules.evicted.values()) > 5000


def test_fields_that_no_log_carries_are_noted(pack):
    rules = pack(FAILED.replace("event.outcome: failure", "cs-cookie|contains: x"))
    assert "cs-cookie, which no access log carries" in rules.notes[0]
    assert rules.observe(frame([failures("ann", 3)])).height == 0


def test_session_windows_end_at_a_pause(pack):
    rule = COUNT + "  gap: 2m\n"
    rule = rule.replace(
        'custom: {message: "{user.name} failed {count} times in {timespan}, limit {threshold}", unit: tries}', "custom:"
    )
    assert pack(FAILED, rule).observe(frame([failures("ann", 3, every="2m")])).height == 1
    assert pack(FAILED, rule).observe(frame([failures("ann", 3, every="3m")])).height == 0


def test_empty_frames_and_frames_without_matches(pack):
    rules = pack(FAILED, COUNT)
    assert rules.observe(frame([])).schema == SIGNAL
    assert rules.observe(frame([success("ann")])).height == 0
