"""Time grows with the length of what a client writes, never faster: no line is long enough to stall the detector."""

import json
import re
import time
from functools import cache
from itertools import cycle

import polars as pl
import pytest
import ua_parser

from detector.collect.enrich import Enricher
from detector.collect.parse import choose_format, parse
from detector.config import Input, load
from detector.detect.rules import Rules
from detector.errors import FaultsError
from tests.fuzz.seeds import DESCRIBED, LINES
from tests.fuzz.targets import REFERENCE

PIECES = (
    *("a", "0", " ", "%", "%25", "&a=b", "/", "../", "\\", "\\x22", '\\"', '"', "'", "[", "]", "(", "{", '{"a":', "}"),
    *(";", "=", "|", "- ", "a@b.", "a=b; ", "é", "\u202e", "#", "<", ">", "$", "::", "1.", "-1", "_", "\t", "?", ", "),
    *("192.0.2.1, ", "2001:db8::1, ", "Mozilla/5.0 (", "Android ", "1 85 05 78 006 084 ", "nir=", "username=", "'a' "),
)
CHARACTERS = 4000
MOST = 6.0
"""Times as long for four times as much: linear time takes 2 to 4 times, quadratic time up to 16."""
WHERE = re.compile(r'(?<=["=/ |:(\[{\t])(?=[\w/])')
FORMATS = {name: (name, lines) for name, lines in LINES.items()} | DESCRIBED


def lines_of(good: str, characters: int) -> list[str]:
    """Put a run of every piece into a line, in one place after another."""
    at = [match.start() for match in WHERE.finditer(good)]
    runs = [(piece * characters)[:characters] for piece in PIECES]
    runs += [json.dumps(run)[1:-1] for run in runs if good.startswith("{")]
    places = zip(runs, cycle(at), strict=False)
    return [good[:place] + run + good[place:] for run, place in places]


def framed(lines: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"line": lines}).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))


@cache
def enricher() -> Enricher:
    return Enricher(load())


def cpu_s(described, good: tuple[str, ...], lines: list[str]) -> float:
    chosen, _ = choose_format(framed(list(good)), Input(format=described))
    given, begun = framed(lines), time.process_time()
    parsed = parse(given, chosen, path="f", header=good[0], reference=REFERENCE)
    enricher().enrich(parsed.events)
    assert parsed.events.height + parsed.rejects.height + parsed.skipped == len(lines)
    return time.process_time() - begun


@pytest.mark.parametrize("name", FORMATS)
def test_four_times_the_length_takes_some_four_times_as_long(name):
    described, good = FORMATS[name]
    line = good[1] if name == "w3c" else good[0]
    short, long = (lines_of(line, characters) for characters in (CHARACTERS, 4 * CHARACTERS))
    ratios = (cpu_s(described, good, long) / cpu_s(described, good, short) for _ in range(9))
    assert any(ratio < MOST for ratio in ratios)


def test_a_directive_before_every_line_costs_little():
    directive, line = LINES["w3c"][:2]
    clean = [line] * 4000
    odd = [one for at in range(1000) for one in (f"{directive} x{at}", line + " 1", directive, line)]
    ratios = (cpu_s("w3c", (directive,), odd) / cpu_s("w3c", (directive,), clean) for _ in range(9))
    assert any(ratio < 8 for ratio in ratios)


def test_agents_are_read_by_an_engine_of_linear_time():
    enricher()
    ua_parser.parse("curl/8")
    assert type(ua_parser.parser.resolver.parser) is ua_parser.RegexResolver


EXPRESSIONS = {
    "(?P<time>a)(?=b)": "look-around",
    "(?P<time>a)(?<!b)": "look-around",
    r"(?P<time>a)(b)\2": "backreferences are not supported",
    "(?P<time>(?>a+)b)": "unrecognized flag",
}
SECTIONS = (
    "input:\n  format:\n    regex: '{}'\n",
    "portal:\n  actions:\n    - {{action: search, path: '{}'}}\n",
    "portal:\n  subjects:\n    - {{path: '{}'}}\n",
)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split(":")[1].strip())
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_of_the_user_s_that_may_take_for_ever_is_refused_by_line(tmp_path, section, expression):
    (tmp_path / "detector.yml").write_text(section.format(expression))
    with pytest.raises(FaultsError) as refused:
        load(tmp_path / "detector.yml")
    assert re.search(rf"detector\.yml:3: .*{EXPRESSIONS[expression]}", str(refused.value))


RULE = """title: T
id: 5a2b0f2e-0d8e-4c38-9e53-1a2b3c4d5e6f
status: experimental
logsource: {{category: webserver}}
detection:
  sel:
    url.path|re: '{}'
  condition: sel
"""


@pytest.mark.parametrize("expression", ["a(?=b)", "(?<!b)a", r"(a)\1"])
def test_an_expression_of_a_rule_that_may_take_for_ever_is_refused_by_line(tmp_path, expression):
    (tmp_path / "rule.yml").write_text(RULE.format(expression))
    with pytest.raises(FaultsError) as refused:
        Rules.load(load(), [tmp_path / "rule.yml"])
    assert "rule.yml:7: " in str(refused.value)
