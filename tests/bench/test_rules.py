"""What a pack of a hundred rules and more costs beside reading the lines. One command: pytest -m bench -s."""

import time

import pytest

from detector import config
from detector.detect.rules import Rules
from detector.lab.replay import Replay
from detector.lab.simulate import simulate
from detector.telemetry import Telemetry

LEAST_RULES = 100
LINES = 500_000
EXTRA = """
title: Agent {i}
logsource: {{category: proxy}}
detection:
  sel: {{c-useragent|contains: ['tool{i}/', ' scanner{i} ', 'bot-{i}-x']}}
  odd: {{c-useragent: ['agent{i}', 'Mozilla/{i}.9 (compatible; *']}}
  condition: 1 of them
---
title: Words {i}
logsource: {{category: webserver}}
detection:
  method: {{cs-method: GET}}
  words: ['=select{i}%20', '${{{{word{i}:', '/exploit{i}/', "'{i}'='{i}x"]
  filter: {{sc-status: 404}}
  condition: method and words and not filter
---
title: Path {i}
logsource: {{category: webserver}}
detection:
  sel: {{cs-uri-query|contains|all: ['/api{i}/', 'token{i}=']}}
  end: {{cs-uri-stem|endswith: ['/shell{i}.jsp', 'x{i}.php'], cs-method: POST}}
  condition: sel or end
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("rules")
    simulate(made, seed=3, accounts=6000, days=1, attacks=("none",))
    with (made / "access.log").open("rb") as log, (made / "busy.log").open("wb") as busy:
        busy.writelines(line for line, _ in zip(log, range(LINES), strict=False))
    (made / "more").mkdir()
    (made / "more" / "pack.yml").write_text("---".join(EXTRA.format(i=i) for i in range(20)), "utf-8")
    return made


@pytest.mark.bench
def test_a_hundred_rules_cost_at_most_what_reading_costs(folder):
    """In one process, in turn, in processor time: others may use the machine meanwhile."""
    settings = config.load(folder / "detector.yml")
    rules = Rules.load(settings, [folder / "more"])
    assert sum(rule.output for rule in rules.catalogue) >= LEAST_RULES
    telemetry, reading, searching = Telemetry(), 0.0, 0.0
    events = Replay([folder / "busy.log"], settings, ahead=False).events(telemetry)
    while True:
        began = time.process_time()
        batch = next(events, None)
        read = time.process_time()
        reading += read - began
        if batch is None:
            break
        rules.observe(batch)
        searching += time.process_time() - read
    print(
        f"\n{telemetry.lines:,} lines, {len(rules.catalogue)} rules: {reading:.2f} s reading, {searching:.2f} s rules,"
        f" {searching / reading:.2f} times as much; {rules.rows:,} rows in windows"
    )
    assert searching <= reading
