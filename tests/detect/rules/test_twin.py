"""The engine and the slow twin agree on every alert, whatever the rules, the log and the chunks."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.config import Config
from detector.detect.rules import Rule, Rules, carry
from detector.detect.rules.load import Loader
from detector.detect.rules.spec import OPERATORS
from detector.schema import EVENT, LATE
from tests.detect.rules.twin import Twin

USERS = ["ann", "ann", "Bob", "cy", None]
SOURCES = ["192.0.2.1", "192.0.2.77", "198.51.100.3", "2001:db8::1", None]
PATHS = ["/a", "/a/b", "/A/*", "/x?y", None]
COUNTRIES = ["FR", "FR", "BE", "US", "JP", "XX", None]
FIELDS = ["user.name", "portal.source", "portal.session", "url.path"]
CUTS = 4
BEGIN = datetime(2026, 3, 2, 23, 59, 40, tzinfo=UTC)

event = st.fixed_dictionaries(
    {
        "step": st.sampled_from([0, 0, 1, 1, 2, 3, 5, 30]),
        LATE: st.sampled_from([False] * 9 + [True]),
        "user.name": st.sampled_from(USERS),
        "source.ip": st.sampled_from(SOURCES),
        "portal.source": st.sampled_from(SOURCES[:3]),
        "portal.session": st.sampled_from(["s1", "s2", None]),
        "portal.action": st.sampled_from(["logon", "record_view"]),
        "event.outcome": st.sampled_from(["success", "failure"]),
        "http.response.status_code": st.sampled_from([200, 404, None]),
        "http.response.body.bytes": st.sampled_from([0, 1, 7, 100, None]),
        "url.path": st.sampled_from(PATHS),
        "source.geo.country_iso_code": st.sampled_from(COUNTRIES),
        "url.original": st.sampled_from(["/q?sql=Select", "/plain", None]),
    }
)

item = st.one_of(
    st.sampled_from([{"portal.action": "LOGON"}, {"event.outcome": "failure"}, {"portal.action|neq": "logon"}]),
    st.sampled_from([{"sc-status": 404}, {"sc-status": [200, None]}, {"sc-status|gte": 300}, {"sc-status": "4*"}]),
    st.sampled_from([{"cs-username": "bob"}, {"cs-username|cased": "bob"}, {"user.name": None}, {"user.name": "?y"}]),
    st.sampled_from([{"url.path": "/a/*"}, {"url.path": r"/a/\*"}, {"url.path|startswith": "/A"}, {"url.path": ""}]),
    st.sampled_from(
        [{"url.path|contains|all": ["/", "b"]}, {"url.path|endswith": ["b", "y"]}, {"url.path|re": "^/a$"}]
    ),
    st.sampled_from([{"url.path|re|i": "^/A"}, {"url.path|exists": False}, {"user.name|fieldref": "portal.session"}]),
    st.sampled_from([{"c-ip|cidr": ["192.0.2.64/26", "2001:db8::/32"]}, {"portal.session|exists": True}]),
    st.sampled_from(
        [{"source.ip|fieldref": "portal.source"}, {"@timestamp|hour": 0}, {"url.path|neq": ["/a", "/a/b"]}]
    ),
)
item |= st.sampled_from(
    [
        {"user.name|fieldref|neq": "portal.session"}, {"url.path|contains|cased": "/A"}, {"sc-status|lt": 300},
        {"@timestamp|minute": [0, 59]}, {"@timestamp|day": 3}, {"@timestamp|week": 10}, {"@timestamp|month": 3},
        {"@timestamp|year|neq": 2026}, {"url.path|re|startswith": "/[aA]"}, {"url.path|re|endswith": "b|y"},
        {"url.original|base64|contains": "a"}, {"portal.session|wide|base64|startswith": "s"}, {"sc-status|neq": 404},
        {"sc-status|neq": [200, 404]}, {"sc-bytes|gt": 0.5, "sc-bytes|lte": 7}, {"url.path": r"/?/\*"},
    ]
)  # fmt: skip
detection = st.one_of(
    item, st.tuples(item, item).map(lambda two: two[0] | two[1]), st.lists(item, min_size=2, max_size=2),
    st.sampled_from([["select", "plain"], ["sql=*ct", "ann"]]),
)  # fmt: skip
frequent = st.sampled_from(
    [{"portal.action": "logon"}, {"portal.action": "record_view"}, {"event.outcome": "failure"}, {"c-ip|exists": True}]
)
CONDITIONS = ["sel_a", "sel_a and not sel_b", "sel_a or sel_b", "1 of sel_*", "all of them", "not (sel_a or sel_b)"]


def identified(document: dict) -> dict:
    name = document["name"]
    return {"title": name, "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), "level": "high"} | document


@st.composite
def singles(draw: st.DrawFn) -> list[dict]:
    found = []
    for i in range(draw(st.integers(2, 3))):
        found.append(
            identified(
                {
                    "name": f"base_{i}",
                    "logsource": {"category": "webserver"},
                    "detection": {
                        "sel_a": draw(st.one_of(frequent, frequent, detection)),
                        "sel_b": draw(detection),
                        "condition": draw(st.sampled_from(["sel_a", "sel_a", *CONDITIONS])),
                    },
                    "custom": draw(st.sampled_from([{}, {"output": True, "mute": "5s"}, {"per": ["portal.session"]}])),
                }
            )
        )
    return found


bounds = st.sampled_from(
    [{"gte": 1}, {"gte": 2}, {"gte": 3}, {"gt": 1, "lte": 3}, {"gt": 2.5}, {"eq": 2}, {"lt": 3}, {"neq": 2}]
)


@st.composite
def condition(draw: st.DrawFn, kind: str) -> dict:
    found = dict(draw(bounds))
    if kind == "value_count":
        found["field"] = draw(st.sampled_from([*FIELDS, ["user.name", "url.path"]]))
    elif kind.startswith("value_"):
        found["field"] = "http.response.body.bytes"
    if kind == "value_percentile":
        found["percentile"] = draw(st.sampled_from([1, 25, 50, 90, 100]))
    return found


COUNTING = ["event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median"]


@st.composite
def correlation(draw: st.DrawFn, name: str, names: list[str]) -> dict:
    kind = draw(st.sampled_from([*COUNTING, "event_count", "value_count", "temporal", "temporal_ordered"]))
    rules = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    body: dict = {"type": kind, "rules": rules, "timespan": draw(st.sampled_from(["1s", "2s", "5s", "5s", "1m"]))}
    body["group-by"] = draw(st.sampled_from([[], ["user.name"], ["user.name"], ["portal.session"], FIELDS[:2]]))
    if draw(st.booleans()) and body["group-by"] and not name.endswith("0"):
        aliased = {ref: draw(st.sampled_from(["user.name", "portal.session"])) for ref in rules}
        body["aliases"] = {"who": aliased}
        body["group-by"] = ["who", *body["group-by"][1:]]
    custom: dict = draw(st.sampled_from([{}, {"mute": "3s"}, {"mute": "0s"}, {"mute": "0s"}, {"mute": "0s"}]))
    custom = dict(custom)
    if kind in COUNTING:
        body["condition"] = draw(condition(kind))
        custom |= draw(st.sampled_from([{}, {}, {"gap": "2s"}, {"cap": 2}, {"gap": "3s", "cap": 3}]))
        if kind in ("event_count", "value_count"):
            if max(body["condition"][one] for one in OPERATORS if one in body["condition"]) >= custom.get("cap", 9):
                del custom["cap"]  # no count gets there: such a rule is refused
            custom |= draw(st.sampled_from([{}, {}, {"leak": "1s"}, {"leak": "3s"}]))
        if "aliases" not in body:
            custom |= draw(extras(names))
            custom |= draw(st.sampled_from([{}, {"previous": ["user.name"]}, {"previous": ["portal.source"]}]))
    elif kind == "temporal_ordered" and len(rules) > 1:
        custom |= draw(st.sampled_from([{}, {"context": rules[:1]}]))
        if "context" not in custom and draw(st.booleans()):
            body["condition"] = " and ".join(rules)
    elif kind == "temporal":
        written = " or ".join([" and ".join(rules), f"({rules[0]} and not {rules[-1]})"])
        extended = written if len(rules) > 1 else None
        choice = draw(st.sampled_from([None, {"gte": 1}, {"gte": 2}, extended]))
        if choice is not None:
            body["condition"] = choice
    return identified({"name": name, "correlation": body, "custom": custom})


speeds = st.sampled_from([{"gt": 900}, {"gte": 5_000_000}, {"lt": 900, "min_km": 5000}, {"eq": 0}])


@st.composite
def extras(draw: st.DrawFn, names: list[str]) -> dict:
    custom: dict = {}
    if draw(st.booleans()):
        custom["cancel_on"] = [draw(st.sampled_from(names))]
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["event_count", "value_count", "gap_median", "value_avg", "pause", "travel"]))
        also = {"type": kind} | draw(condition(kind))
        if kind == "travel":
            also = {"type": kind} | draw(speeds)
        if draw(st.booleans()):
            also["rules"] = [draw(st.sampled_from(names))]
        if draw(st.booleans()):
            also["timespan"] = draw(st.sampled_from(["3s", "2m"]))
        if draw(st.booleans()):
            also = {f"{k}_times" if k in ("gte", "gt", "lt", "lte") else k: v for k, v in also.items()}
        custom["also"] = [draw(st.sampled_from([also, also, {"type": "pause", "gte": "2s"}]))]
    return custom


@st.composite
def packs(draw: st.DrawFn) -> list[dict]:
    documents = draw(singles())
    for i in range(draw(st.integers(1, 3))):
        names = [d["name"] for d in documents]
        documents.append(draw(correlation(f"count_{i}", names)))
        given = documents[-1]["custom"].get("previous")
        if given and draw(st.booleans()):
            documents[-1]["custom"]["mute"] = "0s"
            documents.append(draw(pair(f"pair_{i}", documents[-1]["name"], given[0])))
        if draw(st.booleans()):
            documents[-1]["custom"]["output"] = True
    return documents


@st.composite
def pair(draw: st.DrawFn, name: str, counted: str, field: str) -> dict:
    group = draw(st.sampled_from([[f"previous.{field}"], [field, f"previous.{field}"]]))
    body = {"type": "event_count", "rules": [counted], "group-by": group, "timespan": "1m", "condition": {"gte": 1}}
    return identified({"name": name, "correlation": body, "custom": {"mute": "0s"}})


def frame(rows: list[dict]) -> pl.DataFrame:
    moment, filled = BEGIN, []
    for row in rows:
        moment += timedelta(seconds=row["step"])
        filled.append({name: row.get(name) for name in [*EVENT, LATE]} | {"@timestamp": moment})
    return pl.DataFrame(filled, schema={**EVENT, LATE: pl.Boolean}, orient="row")


def loaded(documents: list[dict], folder: Path) -> tuple[Rule, ...]:
    texts = map(json.dumps, documents)  # JSON is YAML, and quicker written
    (folder / "pack.yml").write_text("\n---\n".join(texts), "utf-8")
    loader = Loader(zone="Europe/Paris")
    rules = loader.read([folder])
    assert loader.faults == []
    return rules


def alerts(signals: pl.DataFrame) -> list[tuple]:
    columns = ["rule.name", "signal.key", "@timestamp", "signal.count", "signal.start", "related.user", "related.ip"]
    return sorted(
        (tuple(tuple(v) if isinstance(v, list) else v for v in row) for row in signals.select(columns).rows()), key=repr
    )


def twin_alerts(documents: list[dict], events: pl.DataFrame) -> list[tuple]:
    twin, found = Twin(documents), []
    by_name = {d["name"]: d for d in documents}
    for row in events.rows(named=True):
        for name, key, count, start, users, ips in twin.feed(row):
            document = by_name[name]
            per = document.get("custom", {}).get("per", ["user.name", "source.ip"])
            names = document["correlation"].get("group-by", []) if "correlation" in document else per
            said = " ".join(f"{n}={v}" for n, v in zip(names, key, strict=True) if v is not None)
            begin = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start)
            found.append((name, said, row["@timestamp"], int(count), begin, tuple(users), tuple(ips)))
    return sorted(found, key=repr)


@pytest.fixture(autouse=True, params=[4096, -1], ids=["rows kept", "rows dropped at once"])
def forgetful(request, monkeypatch):
    """Let windows drop what they can as soon as they can, too: otherwise that takes thousands of rows."""
    if request.param < 0:
        monkeypatch.setattr(carry, "COMPACT_AT", -(10**9))
        monkeypatch.setattr(carry, "WORTH", 2)


def agree(documents: list[dict], rows: list[dict], data: st.DataObject, catalogue: tuple[Rule, ...]) -> None:
    """Compare in several random cuts of the same events, with and without restarts in between."""
    events = frame(rows)
    expected = twin_alerts(documents, events)
    for _ in range(CUTS):
        rules, found, place = Rules(catalogue, Config()), [], 0
        while place < events.height:
            size = data.draw(st.integers(1, events.height - place))
            found.append(rules.observe(events[place : place + size]))
            place += size
            if data.draw(st.booleans()):
                saved = rules.snapshot()
                rules = Rules(catalogue, Config())
                rules.restore(saved)
        assert alerts(pl.concat(found)) == expected


some = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
cases = given(documents=packs(), rows=st.lists(event, min_size=4, max_size=50), data=st.data())


@settings(some, max_examples=30)
@cases
def test_same_alerts_as_the_twin_over_any_chunks(documents, rows, data, tmp_path_factory):
    agree(documents, rows, data, loaded(documents, tmp_path_factory.mktemp("pack")))


@pytest.mark.slow
@settings(some, max_examples=5000)
@cases
def test_same_alerts_as_the_twin_over_many_more(documents, rows, data, tmp_path_factory):
    agree(documents, rows, data, loaded(documents, tmp_path_factory.mktemp("pack")))
