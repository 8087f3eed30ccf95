"""A portal of one hospital and some practices; on the sixth day four accounts are abused, from four sorts of places."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.cli import main

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
LINE = '{ip} - {user} [{time}] "GET /patients/{person}/rights HTTP/1.1" 200 812 "-" "Mozilla/5.0 (X11) Chrome/126.0"'

HOSPITAL = "192.0.2.10"
HOME = {f"p{n}": f"198.51.100.{n}" for n in range(1, 6)}
ATTACKS = {"p1": "203.0.113.66", "p2": "2001:db8:bad::66", "h1": HOSPITAL, "p3": "10.9.8.7", "p4": HOME["p4"]}
"""Who was abused from where: two from places of nobody else, one from the hospital, one through our own proxy, one
from its own practice."""


def line(at: datetime, user: str, ip: str, person: int) -> str:
    return LINE.format(ip=ip, user=user, time=f"{at:%d/%b/%Y:%H:%M:%S} +0000", person=f"185{person}")


def quiet_day(day: int) -> list[tuple[datetime, str, str, int]]:
    usual = {**HOME, **{f"h{n}": HOSPITAL for n in range(1, 9)}}
    return [
        (START + timedelta(days=day, minutes=9 * n, seconds=at), user, ip, 10_000_000_000 + (13 * n + at) % 40)
        for n in range(25)
        for at, (user, ip) in enumerate(usual.items())
    ]


def abuse(day: int, user: str, ip: str, first: int) -> list[tuple[datetime, str, str, int]]:
    return [(START + timedelta(days=day, hours=5, seconds=2 * n), user, ip, first + n) for n in range(600)]


def lines() -> list[str]:
    rows = [row for day in range(6) for row in quiet_day(day)]
    for at, (user, ip) in enumerate(ATTACKS.items()):
        rows += abuse(5, user, ip, 20_000_000_000 + 10_000 * at)
    return [line(*row) for row in sorted(rows)]


CONFIG = """
input: {trusted_proxies: [10.0.0.0/8]}
calendar: {timezone: UTC}
"""


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("config") / "detector.yml"
    path.write_text(CONFIG, "utf-8")
    return path


@pytest.fixture(scope="session")
def log(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("log") / "access.log"
    path.write_text("\n".join(lines()) + "\n", "utf-8")
    return path


@pytest.fixture(scope="session")
def state(log, config, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "state"
    told = ["batch", str(log), "--state", str(folder), "--config", str(config)]
    result = CliRunner().invoke(main, [*told, "--alerts", str(folder.parent / "alerts.jsonl")])
    assert result.exit_code == 0, result.output
    return folder
