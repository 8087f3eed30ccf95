"""Every fault of every file is listed at once, with file, line and what was required."""

from pathlib import Path

import pytest

from detector.config import Config
from detector.config import Rules as RulesSection
from detector.detect.rules import Rules
from detector.errors import FaultsError

HEAD = """title: Rule {n}
id: 00000000-0000-4000-8000-0000000000{n:02d}
name: r{n}
logsource: {{category: webserver}}
"""
BARE = "title: A\nlogsource: {category: webserver}\n"
GOOD = "detection:\n  sel:\n    url.path: a\n  condition: sel\n"
COUNT = "correlation:\n  type: {kind}\n  rules: [{rules}]\n  timespan: {span}\n  {more}\n"


def counted(kind: str = "event_count", rules: str = "r0", span: str = "5m", more: str = "condition: {gte: 3}") -> str:
    return COUNT.format(kind=kind, rules=rules, span=span, more=more)


BROKEN = [
    ("detection:\n  sel:\n    c-ipx: 1.2.3.4\n  condition: sel\n", 7, "no field 'c-ipx'"),
    ("detection:\n  sel:\n    c-ip|containz: 1\n  condition: sel\n", 7, "Unknown modifier"),
    ("detection:\n  sel:\n    c-ip: a\n    c-ip: b\n  condition: sel\n", 8, "said twice, first in line 7"),
    (counted(rules="nowhere"), 7, "refers to rule 'nowhere', which no loaded file defines"),
    (counted(rules="r5"), 7, "refers to itself: Rule 5 -> Rule 5"),
    ("detection:\n  sel:\n    url.path|re: '(['\n  condition: sel\n", 7, "Regular expression '([' is invalid"),
    ("detection:\n  sel:\n    url.path|re: '(?=a)b'\n  condition: sel\n", 7, "look-ahead"),
    ("detection:\n  sel:\n    url.path: a\n  condition: sel and other\n", 8, "'other' not defined"),
    ("detection:\n  sel:\n    url.path: a\n  condition: (sel\n", 8, ""),
    (GOOD + "level: huge\n", 9, "'huge' is not a valid Sigma rule level"),
    ("detection:\n  sel:\n    c-ip|cidr: 10.0.0.0/99\n  condition: sel\n", 7, "Invalid CIDR"),
    ("detection:\n  sel:\n    url.path|expand: '%x%'\n  condition: sel\n", 7, "placeholder %x% has no values"),
    ("detection:\n  sel:\n    url.path|gt: 5\n  condition: sel\n", 7, "need a number, url.path is String"),
    (counted(kind="event_cnt"), 6, "no valid Sigma correlation type"),
    (counted(span="5x"), 8, "Timespan '5x' is invalid"),
    (counted(more="group-by: [nofield]\n  condition: {gte: 3}"), 9, "no field 'nofield'"),
    (counted(kind="value_sum", more="condition: {gte: 3, field: user.name}"), 9, "needs a whole number"),
    (counted(more="condition: {gte: many}"), 9, "gte needs a number"),
    (GOOD + "custom:\n  runbok: [a]\n", 10, "custom has no key 'runbok'"),
    (GOOD + "custom:\n  mute: 5q\n", 10, "Timespan '5q' is invalid"),
    (GOOD + "custom:\n  tests:\n    - {name: a, events: [{nope: 1}], alerts: 1}\n", 11, "no field 'nope'"),
    (GOOD + "custom:\n  tests:\n    - {name: a, events: [{c-ip: a, repeat: 0}], alerts: 1}\n", 11, "repeat is a whole"),
    (GOOD + "custom:\n  tests:\n    - {name: a, events: [{c-ip: a, every: 2q}], alerts: 1}\n", 11, "'2q' is invalid"),
    (GOOD + "custom:\n  tests:\n    - {name: a, events: [{c-ip: a}], alerts: -1}\n", 11, "whole number, -1 came"),
    ("detection:\n  sel:\n    url.path|fieldref: nofield\n  condition: sel\n", 7, "which fieldref names"),
    ("detection:\n  sel:\n    url.path: a\n  condition: 1 of nothing*\n", 8, "doesn't match any detection"),
    (counted(kind="temporal", more="condition: r0 and ("), 9, "Failed to parse"),
    (counted(more="condition: {gte: 3}\ncustom: {also: [{type: event_count, gtee: 3}]}"), 10, "unknown key 'gtee'"),
    (counted(more="condition: {gte: 3}\n  aliases: {who: {r1: user.name}}\n  group-by: [who]"), 10, "not among rules"),
    (counted(kind="temporal", more="generate: false\ncustom: {leak: 5s}"), 10, "also, gap, leak and previous are for"),
    (counted(more="condition: {gte: 3}\ncustom: {leak: 0s}"), 10, "leak is some time"),
    (counted(more="condition: {gte: 3}\ncustom: {also: [{type: pause, gte: 30q}]}"), 10, "Timespan '30q' is invalid"),
    (counted(more="condition: {gte: 3}\ncustom: {also: [{type: event_count, gte: 30d}]}"), 10, "gte needs a number"),
    (
        counted(more="condition: {gte: 3}\ncustom: {also: [{type: travel, gt: 9, min_km: -1}]}"),
        10,
        "min_km is a number",
    ),
    (counted(more="group-by: [previous.user.name]\n  condition: {gte: 3}"), 9, "no field 'previous.user.name'"),
    (GOOD + "custom:\n  leak: 5s\n", 10, "only a correlation has"),
    (counted(span="[5m]"), 8, "Timespan '['5m']' is invalid"),
    (counted(more="condition: {gte: .inf}"), 9, "gte needs a number, inf came"),
    (counted(kind="value_count", more="condition: {gte: 3, field: true}"), 9, "no field True"),
    (counted(more="condition: {gte: 3}\ncustom: {also: [{type: event_count, gte: 1, rules: 7}]}"), 10, "rule 7"),
    ("detection:\n  sel:\n    sc-status: []\n  condition: sel\n", 7, "a list of values is required"),
    ("detection:\n  sel:\n    '|startswith': a\n  condition: sel\n", 7, "neither starts nor ends"),
    ("detection:\n  sel:\n    url.path: a\n  condition:\n", 8, "a condition is a text, None came"),
    ("detection:\n  sel:\n    url.path: a\n  condition: [sel, 5]\n", 8, "a condition is a text"),
    ("detection:\n  sel:\n    '@timestamp|hour': 24\n  condition: sel\n", 7, "goes from 0 to 23, 24 came"),
    ("detection:\n  sel:\n    sc-status|cidr: 10.0.0.0/8\n  condition: sel\n", 7, "needs an address"),
    ("detection:\n  sel: ['']\n  condition: sel\n", 5, "a keyword is required"),
    ("detection:\n  sel:\n    x[any]:\n      y: 1\n  condition: sel\n", 7, "no field 'x[any]'"),
    ("taxonomy: firm\n" + GOOD, 5, "taxonomy 'firm' needs a processing pipeline"),
    ("detection:\n  sel:\n    url.path|hour: 5\n  condition: sel\n", 7, "needs a time, url.path is String"),
]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "r00.yml").write_text(HEAD.format(n=0) + GOOD, "utf-8")
    for n, (text, _, _) in enumerate(BROKEN, 1):
        (tmp_path / f"r{n:02d}.yml").write_text(HEAD.format(n=n) + text, "utf-8")
    return tmp_path


def load(folder: Path, **settings: object) -> Rules:
    return Rules.load(Config(rules=RulesSection(shipped=False, **settings)), [folder])


def test_all_faults_at_once_with_file_and_line(broken: Path) -> None:
    with pytest.raises(FaultsError) as raised:
        load(broken)
    found = {(Path(fault.file).name, fault.line): fault.message for fault in raised.value.faults}
    missing = [
        (f"r{n:02d}.yml", line, words)
        for n, (_, line, words) in enumerate(BROKEN, 1)
        if words not in found.get((f"r{n:02d}.yml", line), "\0")
    ]
    assert not missing, "\n".join(map(str, raised.value.faults))


def test_nobody_is_blamed_twice_or_without_cause(broken: Path) -> None:
    with pytest.raises(FaultsError) as raised:
        load(broken)
    blamed = [Path(fault.file).name for fault in raised.value.faults]
    assert sorted(blamed) == [f"r{n:02d}.yml" for n in range(1, len(BROKEN) + 1)]


def test_faults_name_the_rule(broken: Path) -> None:
    with pytest.raises(FaultsError, match=r"r01\.yml:7: rule 'Rule 1': no field"):
        load(broken)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("title: [\n", 2, "not YAML"),
        ("- a\n- b\n", 1, "a rule is a mapping"),
        (BARE, 1, "neither detection"),
        (f"{BARE}filter:\n  rules: [nope]\n  s:\n    c-ip: a\n  condition: not s\n", 4, "refers to rule 'nope'"),
    ],
)  # fmt: skip
def test_files_that_are_no_rules(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "a.yml").write_text(text, "utf-8")
    with pytest.raises(FaultsError) as raised:
        load(tmp_path)
    assert [(fault.line, words in fault.message) for fault in raised.value.faults] == [(line, True)]


def test_ids_are_unique(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(HEAD.format(n=1) + GOOD, "utf-8")
    with pytest.raises(FaultsError, match=r"b\.yml:2: rule 'Rule 1': id .* is taken, first in .*a\.yml"):
        load(tmp_path)


def test_overrides_of_rules_that_do_not_exist(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(HEAD.format(n=1) + GOOD, "utf-8")
    with pytest.raises(FaultsError) as raised:
        load(tmp_path, disabled=("gone",), thresholds={"r1": 3, "lost": 4})
    assert [fault.message for fault in raised.value.faults] == [
        "disabled.0: no rule 'gone'",
        "thresholds.lost: no rule 'lost'",
        "thresholds.r1: nothing is counted by rule 'r1'",
    ]


def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"title: \xff\n")
    with pytest.raises(FaultsError, match=r"a\.yml:1: cannot be read"):
        load(tmp_path)
