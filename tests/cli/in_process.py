"""`detector tail` as a command line, and without a process of its own where that proves nothing; so `state`."""

import signal
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from detector.cli import main
from tests.cli.test_batch import ids

_ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def tail(log: Path | str, folder: Path, *arguments: str) -> list[str]:
    state, alerts = str(folder / "state"), str(folder / "alerts.jsonl")
    return [sys.executable, "-m", "detector", "tail", str(log), "--state", state, "--alerts", alerts, *arguments]


def tailed(log: Path | str, folder: Path, *words: str) -> Result:
    """Run `tail` to its end, at once unless a quiet time is given; what it raises is raised here."""
    ends = () if "--idle-exit" in words else ("--once",)
    kept = {number: signal.getsignal(number) for number in _ASKED}
    try:
        return CliRunner().invoke(main, tail(log, folder, *ends, *words)[3:], catch_exceptions=False)
    finally:
        for number, former in kept.items():
            signal.signal(number, former)


def state_command(*words: object) -> Result:
    return CliRunner().invoke(main, ["state", *map(str, words)], catch_exceptions=False)


def delivered(folder: Path) -> set[str]:
    """Return the ids of the alerts in `folder`."""
    path = folder / "alerts.jsonl"
    return set(ids(path.read_text())) if path.exists() else set()
