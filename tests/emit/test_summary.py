import io
from datetime import UTC, datetime

from rich.console import Console

from detector.config import Config
from detector.emit.alert import Alert
from detector.emit.incident import Incidents
from detector.emit.summary import summarize, worst
from detector.language import Words
from detector.telemetry import Telemetry
from tests.emit.signals import at, frame, signal

HOSTILE = 'u"\x1b[31m<script>alert(1)</script>[bold]\u202e'


def alerts(*rows) -> list[Alert]:
    return Incidents(Config()).admit(frame(*rows), lambda *_: 1234, at(60 * 24))


def told(found: list[Alert]) -> Telemetry:
    telemetry = Telemetry()
    telemetry.observe_alerts(found)
    telemetry.events, telemetry.rejects = 2_000_000, 12
    telemetry.rejects_by_reason["no time stamp"] = 12
    telemetry.first_event = telemetry.last_event = datetime(2026, 3, 2, 12, tzinfo=UTC)
    telemetry.observe_format("access.log", "combined", "all of the first 200 lines fit")
    telemetry.warn("no_key", "no key is configured")
    return telemetry


def summary(found: list[Alert], *, terminal: bool = False, learned: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=200, highlight=False, soft_wrap=True)
    summarize(told(found), found, Words.of("en"), learned=learned, console=console)
    return out.getvalue()


def test_says_what_a_person_needs():
    text = summary(alerts(signal(0)))
    for expected in (
        "2,000,012 lines",
        "12 lines: no time stamp",
        "access.log: all of the first 200 lines fit",
        "1 incident opened",
        "HIGH u1",
        "1,234 insured persons displayed by then",
        "account u1 displayed 40 records in 5 min, usually 6",
        "WARNING: no key is configured",
    ):
        assert expected in text


def test_no_colours_without_a_terminal_and_none_from_the_log_with_one():
    assert "\x1b" not in summary(alerts(signal(0, HOSTILE)))
    coloured = summary(alerts(signal(0, HOSTILE)), terminal=True)
    assert "\x1b[1;33mWARNING" in coloured
    assert "\\x1b[31m<script>" in coloured
    assert "[bold]" in coloured
    assert "\u202e" not in coloured


def test_learning_raises_nothing_and_says_so():
    assert "raises nothing" in summary([], learned=True)


def test_the_worst_come_first_once_an_incident():
    found = alerts(
        signal(0, "u1", "medium"), signal(1, "u2", "critical"), signal(2, "u1", "high"), signal(3, "u3", "low")
    )
    assert [(one.account, one.level) for one in worst(found)] == [("u2", "critical"), ("u1", "high")]
    assert len(worst(found, 1)) == 1
