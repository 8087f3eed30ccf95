"""The slow twin: Sigma read from its specification, plain Python, one event at a time, nothing shared."""

import base64
import fnmatch
import ipaddress
import itertools
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from importlib.resources import files
from zoneinfo import ZoneInfo

import polars as pl

TABLES = files("detector") / "collect" / "tables"

NAMES = {
    "cs-username": "user.name", "c-ip": "source.ip", "sc-status": "http.response.status_code",
    "cs-uri-stem": "url.path", "cs-uri-query": "url.query", "cs-uri": "url.original",
    "sc-bytes": "http.response.body.bytes", "cs-user-agent": "user_agent.original", "cs-method": "http.request.method",
}  # fmt: skip
DISTANCES = {(a, b): km for a, b, km in pl.read_parquet(TABLES / "distances.parquet").iter_rows()}
BOUNDS = ("gt", "gte", "lt", "lte", "eq", "neq")
TEXTS = ["url.original", "user_agent.original", "http.request.referrer", "user.name", "error.message",
         "http.request.method", "http.response.status_code", "source.ip", "url.domain"]  # fmt: skip
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(text):
    return 0 if text == "0s" else int(text[:-1]) * SPANS[text[-1]] * 1_000_000


# --- single events -------------------------------------------------------------------------------


def glob(pattern, text, cased):
    out, i = "", 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\" and i + 1 < len(pattern) and pattern[i + 1] in "\\*?":
            out, i = out + re.escape(pattern[i + 1]), i + 2
            continue
        out += {"*": ".*", "?": "."}.get(c, re.escape(c))
        i += 1
    return re.fullmatch(out, text, re.S | (0 if cased else re.I)) is not None


def holds_value(event, name, modifiers, value):
    if name == "":
        found = [str(event[text]) for text in TEXTS if event[text] is not None]
        if "re" in modifiers:
            return any(re.search(value, text) for text in found)
        return any(glob(f"*{value}*", text, False) for text in found)
    actual = event[NAMES.get(name, name)]
    if "exists" in modifiers:
        return (actual is not None) is value
    if value is None:
        return actual is None
    if value == "" and not set(modifiers) & {"contains", "startswith", "endswith", "re"}:
        return actual is None or actual == ""
    if actual is None:
        return False
    for name, test in (("lt", float.__lt__), ("lte", float.__le__), ("gt", float.__gt__), ("gte", float.__ge__)):
        if name in modifiers:
            return test(float(actual), float(value))
    for part in {"minute", "hour", "day", "month", "year"} & set(modifiers):
        return getattr(actual.astimezone(ZoneInfo("Europe/Paris")), part) == value
    if "week" in modifiers:
        return actual.astimezone(ZoneInfo("Europe/Paris")).isocalendar().week == value
    if "base64" in modifiers:
        value = base64.b64encode(value.encode("utf-16-le" if "wide" in modifiers else "utf-8")).decode()
    if "fieldref" in modifiers:
        other = event[NAMES.get(value, value)]
        return other is not None and str(actual).lower() == str(other).lower()
    if "cidr" in modifiers:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(value)
    if "re" in modifiers:
        before = "^" if "startswith" in modifiers else ""
        after = "$" if "endswith" in modifiers else ""
        return re.search(f"{before}(?:{value}){after}", str(actual), re.I if "i" in modifiers else 0) is not None
    if isinstance(value, int) and isinstance(actual, int):
        return actual == value
    before = "*" if {"contains", "endswith"} & set(modifiers) else ""
    after = "*" if {"contains", "startswith"} & set(modifiers) else ""
    return glob(before + str(value) + after, str(actual), "cased" in modifiers)


def holds_item(event, key, values):
    name, *modifiers = key.split("|")
    answers = [holds_value(event, name, modifiers, v) for v in (values if isinstance(values, list) else [values])]
    answer = all(answers) if "all" in modifiers else any(answers)
    return not answer if "neq" in modifiers else answer


def holds_detection(event, detection):
    if isinstance(detection, dict):
        return all(holds_item(event, key, values) for key, values in detection.items())
    return any(
        holds_detection(event, one) if isinstance(one, dict) else holds_value(event, "", [], one) for one in detection
    )


def holds_condition(event, detections):
    tokens = re.findall(r"\(|\)|[\w*]+", detections["condition"])

    def named(pattern):
        names = [n for n in detections if n != "condition" and not n.startswith("_")]
        return names if pattern == "them" else [n for n in names if fnmatch.fnmatch(n, pattern)]

    def either():
        left = both()
        while tokens and tokens[0] == "or":
            tokens.pop(0)
            right = both()
            left = left or right
        return left

    def both():
        left = factor()
        while tokens and tokens[0] == "and":
            tokens.pop(0)
            right = factor()
            left = left and right
        return left

    def factor():
        token = tokens.pop(0)
        if token == "not":
            return not factor()
        if token == "(":
            inner = either()
            tokens.pop(0)
            return inner
        if token in ("1", "all") and tokens and tokens[0] == "of":
            tokens.pop(0)
            answers = [holds_detection(event, detections[n]) for n in named(tokens.pop(0))]
            return any(answers) if token == "1" else all(answers)
        return holds_detection(event, detections[token])

    return either()


# --- correlations --------------------------------------------------------------------------------


@dataclass
class Row:
    time: int
    refs: set
    event: dict
    given: dict


def compare(bounds, value, factor=1):
    tests = {
        "gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b, "eq": lambda a, b: a == b, "neq": lambda a, b: a != b,
    }  # fmt: skip
    return all(test(value, bounds[name] * factor) for name, test in tests.items() if name in bounds)


def kilometres(a, b):
    return 0 if None in (a, b) or a == b else DISTANCES.get((min(a, b), max(a, b)), 0)


def text(value):
    return None if value is None else ("true" if value is True else "false" if value is False else str(value))


@dataclass
class Twin:
    """Feed it documents (rules, in any order) and events, one at a time; it gives alerts."""

    documents: list
    history: dict = field(default_factory=dict)
    fired: dict = field(default_factory=dict)

    def __post_init__(self):
        self.rules = {d["name"]: d for d in self.documents}
        counted = {r for d in self.documents for r in self.inputs(d)}
        said = {d["name"]: d.get("custom", {}).get("output") for d in self.documents}
        generated = {r for d in self.documents if d.get("correlation", {}).get("generate") for r in self.inputs(d)}
        self.output = [
            n for n in self.rules if (said[n] if said[n] is not None else n not in counted or n in generated)
        ]

    def own(self, document):
        if "correlation" not in document:
            return []
        correlation = document["correlation"]
        condition = correlation.get("condition")
        rules = correlation.get("rules")
        if rules is None:
            rules = [w for w in re.findall(r"\w+", condition) if w not in ("and", "or", "not")]
        return list(dict.fromkeys([rules] if isinstance(rules, str) else rules))

    def inputs(self, document):
        custom = document.get("custom", {})
        more = [r for m in custom.get("also", []) for r in m.get("rules", [])]
        return list(dict.fromkeys([*self.own(document), *custom.get("cancel_on", []), *more]))

    def feed(self, event):
        """Give the alerts of one event: (rule, key, count, start, users, addresses)."""
        time = (event["@timestamp"] - EPOCH).total_seconds()
        time = round(time * 1_000_000)
        late = event["portal.late"]
        truth, alerts = {}, []
        self.given = {}  # what correlations say of this event, for those that count them

        def true(name):
            if name not in truth:
                truth[name] = False  # correlations are acyclic; this only guards the recursion
                truth[name] = self.evaluate(self.rules[name], true, event, time, late, alerts)
            return truth[name]

        for name in self.rules:
            true(name)
        return alerts

    def evaluate(self, document, true, event, time, late, alerts):
        name = document["name"]
        if "detection" in document:
            held = holds_condition(event, document["detection"])
            if held and name in self.output:
                users = [u for u in [event["user.name"]] if u is not None]
                ips = [i for i in [event["source.ip"]] if i is not None]
                key = tuple(text(event[c]) for c in document.get("custom", {}).get("per", ["user.name", "source.ip"]))
                self.fire(document, key, time, late, (1, time, users, ips), alerts, "1h")
            return held and not late
        answers = {ref: true(ref) for ref in self.inputs(document)}
        if late:
            return False
        correlation = document["correlation"]
        names = correlation.get("group-by", [])
        aliases = correlation.get("aliases", {})
        keys = {}
        for ref, answer in answers.items():
            key = tuple(self.grouped(event, ref, aliases.get(n, {}).get(ref, n)) for n in names)
            if answer and None not in key:
                keys.setdefault(key, set()).add(ref)
        held = False
        for key, refs in sorted(keys.items()):
            rows = self.history.setdefault(name, {}).setdefault(key, [])
            rows.append(Row(time, refs, event, self.given))
            if refs & set(self.own(document)):
                met = self.condition(document, rows)
                if met is not None:
                    held = True
                    if name in self.output:
                        self.fire(document, key, time, False, met, alerts, correlation["timespan"])
        return held

    def grouped(self, event, ref, name):
        if name.startswith("previous."):
            return self.given.get((ref, name.removeprefix("previous.")))
        return text(event[NAMES.get(name, name)])

    def fire(self, document, key, time, late, met, alerts, default):
        mute = microseconds(document.get("custom", {}).get("mute", default))
        last = self.fired.get((document["name"], late, key))
        if last is not None and (abs(time - last) < mute if late else time < last + mute):
            return
        self.fired[document["name"], late, key] = time
        alerts.append((document["name"], key, *met))

    def uncancelled(self, document, rows):
        own, cancel = set(self.own(document)), set(document.get("custom", {}).get("cancel_on", []))
        return [Row(r.time, r.refs - own if r.refs & cancel else r.refs, r.event, r.given) for r in rows]

    def cap(self, document):
        correlation, custom = document["correlation"], document.get("custom", {})
        condition = correlation.get("condition")
        if "cap" in custom or not isinstance(condition, dict):
            return custom.get("cap", 1000)
        least = math.ceil(max(condition.get("gte", 1), condition.get("gt", 0) + 1))
        also, own = custom.get("also", []), set(self.own(document))
        alike = all(m["type"] in ("pause", "travel") and set(m.get("rules", own)) == own for m in also)
        pairwise = also and alike and "timespan" not in also[0] and set(condition) <= {"gt", "gte"}
        return 2 if pairwise and correlation["type"] == "event_count" and least <= 2 else max(1000, 2 * least)

    def begin(self, document, rows):
        """Give where the window of the last of `rows` begins."""
        correlation, custom = document["correlation"], document.get("custom", {})
        own, cancel = set(self.own(document)), set(custom.get("cancel_on", []))
        now = rows[-1].time
        low = next(i for i, r in enumerate(rows) if r.time >= now - microseconds(correlation["timespan"]))
        for i, r in enumerate(rows):
            if r.refs & cancel:
                low = max(low, i + 1)
        mine = [i for i, r in enumerate(self.uncancelled(document, rows)) if r.refs & own]
        if "gap" in custom and mine:
            begun = mine[0]
            for a, b in itertools.pairwise(mine):
                if rows[b].time - rows[a].time > microseconds(custom["gap"]):
                    begun = b
            low = max(low, begun)
        rowwise = correlation["type"] != "value_count" or {"gap", "leak"} & set(custom)
        cap = self.cap(document)
        return max(low, mine[-cap]) if rowwise and len(mine) > cap else low

    def condition(self, document, rows):
        """Evaluate a correlation at the last of a group's rows: None, or count, start, users, addresses."""
        correlation, custom = document["correlation"], document.get("custom", {})
        own = set(self.own(document))
        now, cap, low = rows[-1].time, self.cap(document), self.begin(document, rows)
        before, rows = rows, self.uncancelled(document, rows)
        if not rows[-1].refs & own:
            return None
        kind = correlation["type"]
        if kind.startswith("temporal"):
            return self.temporal(document, rows, low)
        count, evidence = self.measure(kind, correlation["condition"], rows, low, own, cap)
        if "leak" in custom:
            if not compare(correlation["condition"], self.level(document, before, rows, low)):
                return None
        elif not self.meets(kind, correlation["condition"], rows, low, own, cap, 1):
            return None
        for also in custom.get("also", []):
            refs = set(also.get("rules", own))
            begin = low
            if "timespan" in also:
                begin = next(i for i, r in enumerate(rows) if r.time >= now - microseconds(also["timespan"]))
            relative = {k.removesuffix("_times"): v for k, v in also.items() if k.endswith("_times")}
            if not self.meets(also["type"], also, rows, begin, refs, cap, 1):
                return None
            extra = {k: v for k, v in also.items() if k in ("field", "percentile", "min_km")}
            if not self.meets(also["type"], extra | relative, rows, begin, refs, cap, count):
                return None
        self.give(document, rows, low, own)
        if any(also["type"] == "travel" for also in document.get("custom", {}).get("also", [])):
            evidence = [rows[-1]]  # where a journey ends
        return self.told(document, count, evidence, rows[-1])

    def level(self, document, before, rows, low):
        """Give how full the bucket is at the last row: the fullest of those begun at an event of the window."""
        condition, own = document["correlation"]["condition"], set(self.own(document))
        leak = microseconds(document["custom"]["leak"])
        poured = []
        for i in range(low, len(rows)):
            if not rows[i].refs & own:
                continue
            if document["correlation"]["type"] == "value_count":
                value = self.values("value_count", condition, rows[: i + 1], i, own)
                window = self.values("value_count", condition, rows[:i], self.begin(document, before[: i + 1]), own)
                if not value or value[0][0] in [v for v, _ in window]:
                    continue
            poured.append(rows[i].time)
        fills = [len(poured) - n - Fraction(rows[-1].time - at, leak) for n, at in enumerate(poured)]
        return max([Fraction(0), *fills])

    def give(self, document, rows, low, own):
        """Note on the last row's event what `previous` gives on."""
        for name in document.get("custom", {}).get("previous", []):
            mine = [text(r.event[name]) for r in rows[low:] if r.refs & own and r.event[name] is not None]
            this = text(rows[-1].event[name])
            others = [] if this is None else [value for value in mine if value != this]
            rows[-1].given[document["name"], name] = others[-1] if others else None

    def told(self, document, count, evidence, last):
        """Say who the evidence is of; a group's own account or address is always part of it."""
        correlation, found = document["correlation"], []
        for name in ("user.name", "source.ip"):
            ways = [
                [correlation.get("aliases", {}).get(n, {}).get(ref, n) for ref in self.inputs(document)]
                for n in correlation.get("group-by", [])
            ]
            mine = any({NAMES.get(n, n) for n in way} == {name} for way in ways)
            found.append(sorted({r.event[name] for r in evidence + [last] * mine} - {None}))
        return (count, evidence[0].time if evidence else last.time, *found)

    def values(self, kind, condition, rows, low, refs):
        """Give what is measured: (value, row), without absent ones."""
        inside = [(i, r) for i, r in enumerate(rows) if i >= low and r.refs & refs]
        if kind not in ("value_count", "value_sum", "value_avg", "value_percentile", "value_median"):
            return [(r.time, r) for _, r in inside]
        fields = condition["field"] if isinstance(condition["field"], list) else [condition["field"]]
        found = [(tuple(r.event[NAMES.get(f, f)] for f in fields), r) for _, r in inside]
        return [(v, r) for v, r in found if None not in v]

    def measure(self, kind, condition, rows, low, refs, cap):
        found = self.values(kind, condition, rows, low, refs)
        found = found if kind == "value_count" else found[-cap:]
        if kind == "event_count":
            return len(found), [r for _, r in found]
        if kind == "value_count":
            latest = {}
            for v, r in found:
                latest.pop(v, None)
                latest[v] = r
            return min(len(latest), cap), list(latest.values())[-cap:]
        evidence = [r for _, r in found]
        if kind == "value_sum":
            return sum(v[0] for v, _ in found), evidence
        if kind == "value_avg":
            return (sum(v[0] for v, _ in found) / len(found) if found else 0), evidence
        return next(iter(condition[k] for k in condition if k in BOUNDS), 0), evidence

    def meets(self, kind, condition, rows, low, refs, cap, factor):
        if kind in ("event_count", "value_count", "value_sum"):
            return compare(condition, self.measure(kind, condition, rows, low, refs, cap)[0], factor)
        if kind in ("pause", "travel"):
            return self.since(kind, condition, rows, low, refs, factor)
        found = [v for v, _ in self.values(kind, condition, rows, low, refs)][-cap:]
        if kind == "gap_median":
            numbers = [(b - a) / 1e6 for a, b in itertools.pairwise(found)]
        else:
            numbers = [v[0] for v in found]
        if not numbers:
            return False
        if kind == "value_avg":
            bounds = {k: v * len(numbers) for k, v in condition.items() if k in BOUNDS}
            return compare(bounds, sum(numbers), factor)
        share = condition.get("percentile", 50)
        rank = -(-len(numbers) * share // 100)
        return compare(condition, sorted(numbers)[max(rank, 1) - 1], factor)

    def since(self, kind, condition, rows, low, refs, factor):
        """Compare the time since, or the speed from, the event before the last row."""
        before = [r for i, r in enumerate(rows[:-1]) if i >= low and r.refs & refs]
        if not before:
            return False
        seconds = Fraction(rows[-1].time - before[-1].time, 1_000_000)
        if kind == "pause":
            bounds = {k: v for k, v in condition.items() if k in BOUNDS}
            spans = {k: Fraction(microseconds(v), 1_000_000) if isinstance(v, str) else v for k, v in bounds.items()}
            return compare(spans, seconds, factor)
        km = kilometres(*(r.event["source.geo.country_iso_code"] for r in (before[-1], rows[-1])))
        km = 0 if km < condition.get("min_km", 1000) else km
        hours = seconds / 3600
        return compare({k: v * hours for k, v in condition.items() if k in BOUNDS}, km, factor)

    def temporal(self, document, rows, low):
        correlation = document["correlation"]
        condition = correlation.get("condition")
        own = self.own(document)
        inside = rows[low:]
        seen = {ref: max((i for i, r in enumerate(inside) if ref in r.refs), default=-1) for ref in own}
        present = {ref for ref in own if seen[ref] >= 0}
        latest = [inside[i] for i in sorted({seen[ref] for ref in present})]
        if correlation["type"] == "temporal":
            if isinstance(condition, dict):
                held = compare(condition, len(present))
            elif condition is None:
                held = present == set(own)
            else:
                held = self.boolean(condition, present)
            return self.told(document, len(present), latest, rows[-1]) if held else None
        wanted = [w for w in re.findall(r"\w+", condition) if w != "and"] if isinstance(condition, str) else own
        start = self.chain(inside, wanted)
        shown = next(ref for ref in wanted if ref not in document.get("custom", {}).get("context", []))
        if start is not None and shown != wanted[0]:
            start = max(i for i, r in enumerate(inside) if shown in r.refs)
        return None if start is None else self.told(document, len(wanted), [inside[start], inside[-1]], rows[-1])

    def chain(self, rows, wanted):
        """Find the latest beginning of wanted[0], ..., wanted[-1] in order that ends at the last row."""
        if wanted[-1] not in rows[-1].refs:
            return None
        place = len(rows) - 1
        for ref in reversed(wanted[:-1]):
            place = max((i for i in range(place) if ref in rows[i].refs), default=None)
            if place is None:
                return None
        return place

    def boolean(self, condition, present):
        words = re.sub(r"\b(?!and\b|or\b|not\b)(\w+)\b", lambda m: str(m[1] in present), condition)
        return eval(words)  # only True, False, and, or, not and brackets are left
