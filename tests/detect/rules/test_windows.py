"""What each kind of correlation counts, at its edges."""

from io import BytesIO

import polars as pl
import pytest

from detector.detect.rules import carry, names
from detector.detect.rules.proof import frame

BASES = """
title: A
name: a
logsource: {category: webserver}
detection: {s: {portal.action: logon}, condition: s}
custom: {output: false}
---
title: B
name: b
logsource: {category: webserver}
detection: {s: {portal.action: search}, condition: s}
custom: {output: false}
---
title: C
name: c
logsource: {category: webserver}
detection: {s: {portal.action: claim}, condition: s}
custom: {output: false}
"""
DAYS = ("01-01", "02-20", "06-01")
ACTIONS = {"a": "logon", "b": "search", "c": "claim"}


def rule(kind: str, rules: str = "[a]", condition: str = "", custom: str = "", group: str = "[user.name]") -> str:
    said = f"\n  condition: {condition}" if condition else ""
    return (
        f"title: R\nid: 30000000-0000-4000-8000-000000000001\ncorrelation:\n  type: {kind}\n  rules: {rules}\n"
        f"  group-by: {group}\n  timespan: 10s{said}\ncustom: {{mute: 0s{', ' + custom if custom else ''}}}\n"
    )


def events(written: str, **more: object):
    """`a0 b5+7 a10@x`: a letter a rule, the second, then bytes after + and the account after @."""
    rows = []
    for word in written.split():
        what, _, user = word.partition("@")
        what, _, size = what.partition("+")
        at = f"2026-03-02T10:00:{int(what[1:]):02d}Z"
        fixed = {"@timestamp": at, "portal.action": ACTIONS[what[0]], "user.name": user or "u"}
        rows.append(fixed | ({"http.response.body.bytes": int(size)} if size else {}) | more)
    return frame(rows)


def fired(rules, written: str) -> list[str]:
    found = rules.observe(events(written))
    return [f"{t.second}:{n}" for t, n in found.select("@timestamp", "signal.count").rows()]


@pytest.mark.parametrize(
    ("kind", "condition", "written", "expected"),
    [
        ("event_count", "{gte: 3}", "a0 a5 a10 a16", ["10:3"]),  # the window holds both its ends
        ("event_count", "{gte: 3}", "a0 a0 a0", ["0:3"]),  # three in one moment
        ("event_count", "{gt: 2.5}", "a0 a1 a2 a3", ["2:3", "3:4"]),
        ("event_count", "{gt: 1, lte: 2}", "a0 a1 a2 a3", ["1:2"]),
        ("event_count", "{eq: 2}", "a0 a1 a2 a13", ["1:2"]),
        ("event_count", "{neq: 2}", "a0 a1 a2", ["0:1", "2:3"]),
        ("event_count", "{lt: 2}", "a0 a1 a20", ["0:1", "20:1"]),
        ("event_count", "{gte: 2}", "a0@x a1@y a2@x", ["2:2"]),
        ("value_count", "{field: sc-bytes, gte: 2}", "a0+1 a1+1 a2+2 a13+2", ["2:2"]),
        ("value_count", "{field: sc-bytes, gte: 2}", "a0+1 a10+2 a21+3", ["10:2"]),
        ("value_count", "{field: sc-bytes, gte: 2}", "a0+1 a1 a2", []),  # absent is no value
        ("value_count", "{field: [sc-bytes, user.name], gte: 2}", "a0+1 a1+2", ["1:2"]),
        ("value_sum", "{field: sc-bytes, gte: 10}", "a0+9 a5 a10+1 a11+9", ["10:10", "11:10"]),
        ("value_avg", "{field: sc-bytes, gt: 4.5}", "a0+4 a1+5 a2+6", ["2:5"]),
        ("value_avg", "{field: sc-bytes, lt: 1}", "a0 a1", []),  # an average of nothing holds nothing
        ("value_median", "{field: sc-bytes, gte: 5}", "a0+1 a1+9 a2+5", ["2:5"]),  # nearest rank: of two, the lower
        ("value_percentile", "{field: sc-bytes, gte: 9, percentile: 100}", "a0+9 a1+1 a12+1", ["0:9", "1:9"]),
        ("value_percentile", "{field: sc-bytes, lt: 2, percentile: 1}", "a0+9 a1+1", ["1:2"]),
    ],
)
def test_counting(pack, kind, condition, written, expected):
    assert fired(pack(BASES, rule(kind, condition=condition)), written) == expected


@pytest.mark.parametrize(
    ("kind", "rules", "condition", "written", "expected"),
    [
        ("temporal", "[a, b]", "", "b0 a10 a11", ["10:2"]),
        ("temporal", "[a, b, c]", "{gte: 2}", "a0 c5 c20", ["5:2"]),
        ("temporal", "[a, b, c]", "a and (b or c)", "c0 b1 a2", ["2:3"]),
        ("temporal", "[a, b]", "a and not b", "a0 b1 a2 a12", ["0:1", "12:1"]),
        ("temporal_ordered", "[a, b]", "", "b0 a1 b2 b3", ["2:2", "3:2"]),
        ("temporal_ordered", "[a, b]", "", "a0 b11", []),
        ("temporal_ordered", "[a, b, c]", "", "a0 b1 a2 c3", ["3:3"]),
        ("temporal_ordered", "[a, b, c]", "", "b0 a1 c2", []),
        ("temporal_ordered", "[a, b, c]", "a and b and not c", "a0 b1 c2 a3 b4 a20 b21", ["1:2", "21:2"]),
        ("temporal_ordered", "[a, b, c]", "a and (b or c)", "a0 b1 c2", ["1:2", "2:2"]),
    ],
)
def test_near_in_time(pack, kind, rules, condition, written, expected):
    assert fired(pack(BASES, rule(kind, rules, condition)), written) == expected


@pytest.mark.parametrize(
    ("kind", "condition", "custom", "written", "expected"),
    [
        ("event_count", "{gte: 2}", "cap: 2", "a0 a1 a2 a3", ["1:2", "2:2", "3:2"]),
        ("value_count", "{field: sc-bytes, gte: 2}", "cap: 2", "a0+1 a1+2 a2+3", ["1:2", "2:2"]),
        ("event_count", "{gte: 2}", "cap: 2, also: [{type: value_count, field: sc-bytes, eq: 2}]", "a0+1 a1 a2+2", []),
        ("event_count", "{gte: 2}", "gap: 3s", "a0 a3 a7 a8", ["3:2", "8:2"]),
        ("event_count", "{gte: 3}", "cancel_on: [b]", "a0 a1 b2 a3 a4 a5", ["5:3"]),
        ("value_count", "{field: sc-bytes, gte: 2}", "cancel_on: [b]", "a0+1 b1 a2+2 a3+1", ["3:2"]),
        ("event_count", "{gte: 2}", "also: [{type: event_count, rules: [b], gte: 1}]", "a0 a1 b2 a3", ["3:3"]),
        ("event_count", "{gte: 2}", "also: [{type: event_count, rules: [b], lt_times: 0.5}]", "b0 a1 a2 a3", ["3:3"]),
        ("event_count", "{gt: 0}", "also: [{type: event_count, rules: b, timespan: 8s, eq: 0}]", "b0 a8 a9", ["9:2"]),
        ("event_count", "{gte: 2}", "also: [{type: event_count, timespan: 40s, gte: 4}]", "a0 a11 a22 a23", ["23:2"]),
        ("event_count", "{gte: 3}", "also: [{type: gap_median, gt: 2}]", "a0 a1 a4 a7", ["7:4"]),
        ("event_count", "{gte: 3}", "also: [{type: value_count, field: sc-bytes, eq: 1}]", "a0+1 a1+1 a2+1", ["2:3"]),
        ("event_count", "{gt: 2}", "leak: 5s", "a0 a5 a10 a15 a16 a17", ["17:4"]),  # 4 since 10, of which 1.4 leaked
        ("event_count", "{gte: 2}", "leak: 1s", "a0 a1 a2 a3 a3", ["3:5"]),  # steadily one leaks as one comes
        ("event_count", "{gte: 2}", "leak: 2s, cancel_on: [b]", "a0 b1 a1 a1 a2", ["1:2", "2:3"]),
        ("value_count", "{field: sc-bytes, gt: 1}", "leak: 5s", "a0+1 a1+1 a2+1 a3+2", ["3:2"]),  # a value pours once
        ("value_count", "{field: sc-bytes, gte: 1.5}", "leak: 2s", "a0+1 a4+1 a5+2 a6+3", ["6:3"]),
        ("event_count", "{gte: 1}", "also: [{type: pause, gte: 5s}]", "a0 a4 a9 a20", ["9:2"]),  # a0 to a20: too long
        ("event_count", "{gte: 1}", "also: [{type: pause, gt: 2, rules: [b]}]", "a0 b1 a3 a4 b5 a6", ["4:3"]),
    ],
)  # fmt: skip
def test_what_sigma_cannot_say(pack, kind, condition, custom, written, expected):
    assert fired(pack(BASES, rule(kind, "[a]", condition, custom)), written) == expected


def test_a_value_that_filled_the_bucket_is_known_for_two_windows(pack, monkeypatch):
    monkeypatch.setattr(carry, "COMPACT_AT", -(10**9))
    monkeypatch.setattr(carry, "WORTH", 2)
    rules = pack(BASES, rule("value_count", condition="{field: sc-bytes, gt: 1.5}", custom="leak: 1h"))
    written = ["a0+1", "a8+1", "a16+1", "a17+2"]  # of the last window's rows only the last pours in: 1 came at 0
    assert [fired(rules, one) for one in written] == [[]] * 4


FAST = rule("event_count", condition="{gte: 1}", custom="also: [{type: travel, gt: 900}]")


@pytest.mark.parametrize(
    ("written", "minutes", "fires"),
    [
        ("FR JP", 60, True),  # 8,556 km
        ("FR JP", 600, False),
        ("FR JP", 0, True),  # both at one time
        ("FR BE", 0, False),  # neighbours
        ("FR FR", 0, False),
        ("FR XX", 1, False),  # nobody knows where that is
        ("FR ES JP", 60, True),
        ("FR JP JP", 60, True),
    ],
)
def test_a_journey_faster_than_an_aeroplane(pack, written, minutes, fires):
    rules = pack(BASES, FAST.replace("timespan: 10s", "timespan: 30d"))
    moves = [
        {
            "@timestamp": f"+{minutes}m" if minutes else "+0s",
            "portal.action": "logon",
            "user.name": "u",
            "source.geo.country_iso_code": code,
            "source.ip": f"192.0.2.{i}",
        }
        for i, code in enumerate(written.split())
    ]
    found = rules.observe(frame(moves))
    assert found.height == fires
    if fires:
        ends = f"192.0.2.{len(moves) - 1}" if written != "FR JP JP" else "192.0.2.1"
        assert found["related.ip"].to_list() == [[ends]]  # where it began is the victim's own place


def test_an_account_costs_one_row_for_as_long_as_it_is_away(pack):
    away = rule("event_count", condition="{gte: 1}", custom="also: [{type: pause, gte: 30d}]")
    rules = pack(BASES, away.replace("timespan: 10s", "timespan: 400d"))
    for day in range(8):
        begin = f"2026-03-{day + 1:02d}T08:00:00Z"
        logons = {"portal.action": "logon", "user.name": "u{i}", "repeat": 4000, "@timestamp": begin, "every": "1s"}
        assert rules.observe(frame([logons])).height == 0
    assert rules.rows <= 3 * 4000 + 4096
    assert rules.evicted == {}  # nothing was lost
    back = {"portal.action": "logon", "user.name": "u7", "@timestamp": "2026-05-01T08:00:00Z"}
    assert rules.observe(frame([back]))["user.name"].to_list() == ["u7"]


def test_what_a_long_window_asks_of_a_row_keeps_nothing_else_of_it(pack):
    long = "cap: 100000, also: [{type: value_count, field: user.name, timespan: 30d, lte: 1}]"
    rules = pack(BASES, rule("value_count", condition="{field: portal.subject, gte: 9}", custom=long))
    for day in range(10):  # each row counts a person for ten seconds, and its account for a month
        logons = {"portal.action": "logon", "user.name": "u", "portal.subject": f"p{day}-{{i}}", "every": "40s"}
        rules.observe(frame([logons | {"repeat": 2000, "@timestamp": f"2026-03-{day + 1:02d}T08:00:00Z"}]))
    assert rules.rows <= 4096 + 2000


SHARED = """
title: Person displayed on a second account
id: 30000000-0000-4000-8000-000000000007
name: shared
correlation:
  type: value_count
  rules: a
  group-by: [portal.subject]
  timespan: 1d
  condition: {field: user.name, gte: 2}
custom: {previous: user.name, mute: 0s, output: false}
---
title: Two accounts that display the same persons
id: 30000000-0000-4000-8000-000000000008
correlation:
  type: value_count
  rules: shared
  group-by: [user.name, previous.user.name]
  timespan: 1d
  condition: {field: portal.subject, gte: 3}
custom: {message: "{user.name} after {previous.user.name}"}
"""


def test_persons_shared_by_two_accounts(pack):
    seen = [("ann", "p1"), ("ann", "p2"), ("ann", "p3"), ("bob", "p1"), ("cy", "p2"), ("bob", "p2"), ("bob", "p3")]
    seen += [("bob", "p3"), ("ann", "p3")]
    views = [{"portal.action": "logon", "user.name": user, "portal.subject": subject} for user, subject in seen]
    rules, (first, second) = pack(BASES, SHARED), (frame(views)[:4], frame(views)[4:])
    assert rules.observe(first).height == 0
    again = pack(BASES, SHARED)
    again.restore(rules.snapshot())
    assert again.observe(second).height == 0  # p2 came to bob from cy
    more = [views[0] | {"@timestamp": "+10m", "user.name": "bob"}, views[1], views[1] | {"user.name": "bob"}]
    (signal,) = again.observe(frame(more))["signal.text"].to_list()
    assert signal == "bob after ann"


def test_a_state_that_kept_texts_which_are_only_told_apart_is_taken_over(pack):
    distinct = rule("value_count", condition="{field: portal.subject, gte: 3}")
    views = [{"portal.action": "logon", "user.name": "ann", "portal.subject": name} for name in ("p1", None, "p2")]
    rules = pack(BASES, distinct)
    assert rules.observe(frame(views)).height == 0
    saved, name = rules.snapshot(), "window/30000000-0000-4000-8000-000000000001"
    window = (
        pl.read_ipc(saved[name])
        .drop("h:portal.subject")
        .with_columns(pl.Series("v:portal.subject", ["p1", None, "p2"]))
    )
    window.write_ipc(older := BytesIO())
    again = pack(BASES, distinct)
    again.restore(saved | {name: older.getvalue()})
    later = [views[0] | {"@timestamp": "+1s"}, views[0] | {"@timestamp": "+2s", "portal.subject": "p3"}]
    assert again.observe(frame(later))["signal.count"].to_list() == [3.0]


def test_a_state_that_kept_names_and_keys_row_by_row_is_taken_over(pack):
    shared = rule("value_count", group="[source.ip]", condition="{field: user.name, gte: 3}")
    tried = [{"portal.action": "logon", "source.ip": "192.0.2.1", "user.name": name} for name in ("ann", "bob")]
    rules = pack(BASES, shared)
    assert rules.observe(frame(tried)).height == 0
    saved, name = rules.snapshot(), "window/30000000-0000-4000-8000-000000000001"
    texts = {"g0": ["192.0.2.1"] * 2, "user.name": ["ann", "bob"], "bits": pl.Series([1, 1], dtype=pl.UInt32)}
    window = pl.read_ipc(saved[name]).drop("g0", "h:user.name", "bits")
    window.with_columns(pl.Series(column, values) for column, values in texts.items()).write_ipc(older := BytesIO())
    before = {part: body for part, body in saved.items() if not part.startswith("names/")}
    again = pack(BASES, shared)
    again.restore(before | {name: older.getvalue()})
    later = frame([tried[0] | {"@timestamp": "+1s"}, tried[0] | {"@timestamp": "+2s", "user.name": "cy"}])
    assert again.observe(later)["related.user"].to_list() == [["ann", "bob", "cy"]]


def test_names_that_no_window_refers_to_are_not_saved(pack):
    shared = rule("value_count", group="[source.ip]", condition="{field: user.name, gte: 3}")
    rules = pack(BASES, shared)
    tried = {"portal.action": "logon", "source.ip": "192.0.2.1", "user.name": "ann"}
    rules.observe(frame([tried]))
    assert pl.read_ipc(rules.snapshot()["names/user.name"])["user.name"].to_list() == ["ann"]
    rules.observe(frame([tried | {"@timestamp": "+1h", "user.name": "bob"}]))
    assert pl.read_ipc(rules.snapshot()["names/user.name"])["user.name"].to_list() == ["bob"]


def test_names_are_pruned_between_snapshots_where_they_have_grown(pack, monkeypatch):
    monkeypatch.setattr(names, "PRUNE_AT", 2)
    rules = pack(BASES, rule("value_count", group="[source.ip]", condition="{field: user.name, gte: 3}"))
    tried = {"portal.action": "logon", "source.ip": "192.0.2.1"}
    for hour in range(10, 20):
        moment = {"@timestamp": f"2026-03-02T{hour}:00:00Z"}
        assert rules.observe(frame([tried | moment | {"user.name": f"ann{hour}"}])).height == 0
        assert rules.names.tables["user.name"].height <= 5
    after = [tried | moment | {"user.name": name} for name in ("bob", "cy")]
    assert rules.observe(frame(after))["related.user"].to_list() == [["ann19", "bob", "cy"]]


def test_context_sets_the_scene_and_is_no_evidence(pack):
    rules = pack(BASES, rule("temporal_ordered", "[a, b, c]", custom="context: [a]"))
    (signal,) = rules.observe(events("a0 b3 c5")).rows(named=True)
    assert signal["signal.start"].second == 3


def test_an_event_of_two_rules_counts_once(pack):
    both = BASES.replace("title: B", "title: B2").replace("portal.action: search", "portal.action: logon")
    assert fired(pack(both, rule("event_count", "[a, b]", "{gte: 2}")), "a0 a1") == ["1:2"]


def test_aliases_group_rules_by_different_fields(pack):
    aliased = rule("temporal", "[a, b]", group="[who]").replace(
        "timespan: 10s", "timespan: 10s\n  aliases: {who: {a: user.name, b: portal.session}}"
    )
    moment = {"user.name": "ann", "portal.action": "logon", "portal.session": "s1"}
    other = {"user.name": "bob", "portal.action": "search", "portal.session": "ann"}
    (signal,) = pack(BASES, aliased).observe(frame([moment, other])).rows(named=True)
    assert (signal["signal.key"], signal["related.user"]) == ("who=ann", ["ann", "bob"])


def test_a_chain_sees_every_event_on_which_the_inner_condition_holds(pack):
    inner = rule("event_count", condition="{gte: 2}").replace("title: R", "title: I\nname: inner")
    inner = inner.replace("000001", "000002").replace("mute: 0s", "mute: 1d")
    outer = rule("temporal_ordered", "[inner, b]").replace("timespan: 10s", "timespan: 2s")
    assert fired(pack(BASES, inner, outer), "a0 a1 a8 b10") == ["10:2"]


def test_late_matches_are_silent_both_ways(pack):
    loud = "title: L\nid: 30000000-0000-4000-8000-000000000009\nlogsource: {category: webserver}\n"
    loud += "detection: {s: {portal.action: logon}, condition: s}\ncustom: {mute: 5s}\n"
    late = events("a20 a10").reverse().with_columns(pl.lit(True).alias("portal.late"))
    rules = pack(loud)
    assert rules.observe(late[[1, 0]])["@timestamp"].dt.second().to_list() == [10, 20]
    assert rules.observe(late[[0]].with_columns(pl.col("@timestamp").dt.offset_by("-4s"))).height == 0
    assert rules.observe(late[[0]].with_columns(pl.col("@timestamp").dt.offset_by("-30s"))).height == 1


def test_no_window_reaches_further_back_than_anything_is_retained(pack):
    long = rule("event_count", condition="{gte: 2}").replace("timespan: 10s", "timespan: 400d")
    days = [
        frame([{"@timestamp": f"2026-{day}T10:00:00Z", "portal.action": "logon", "user.name": "u"}]) for day in DAYS
    ]
    for retain_days, expected in ((365, [0, 1, 1]), (60, [0, 1, 0])):
        rules = pack(BASES, long, state={"retain_days": retain_days})
        assert [rules.observe(day).height for day in days] == expected
        together = pack(BASES, long, state={"retain_days": retain_days})
        assert together.observe(pl.concat(days)).height == sum(expected)
    assert sum(one.carry.table.height for one in rules._correlators.values()) == 1
