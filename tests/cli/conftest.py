import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from detector.cli import main

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
LINE = '{ip} - {user} [{time}] "GET /patients/{person}/rights HTTP/1.1" 200 812 "-" "Mozilla/5.0 (X11) Chrome/126.0"'


@pytest.fixture(scope="session")
def log(tmp_path_factory) -> Path:
    """Quiet days of three accounts, then one reads 1,500 files in an hour: a rule speaks whatever models think."""
    rows = [
        (START + timedelta(days=day, minutes=7 * n), f"u{n % 3}", 10_000_000_000 + n % 40)
        for day in range(3)
        for n in range(60)
    ]
    rows += [(START + timedelta(days=3, seconds=2 * n), "u1", 20_000_000_000 + n) for n in range(1500)]
    lines = [
        LINE.format(ip=f"192.0.2.{user[1]}", user=user, time=f"{at:%d/%b/%Y:%H:%M:%S} +0000", person=f"185{person}")
        for at, user, person in rows
    ]
    path = tmp_path_factory.mktemp("log") / "access.log"
    path.write_text("\n".join([*lines, "no line at all"]) + "\n", "utf-8")
    return path


@pytest.fixture(scope="session")
def expected(log) -> set[str]:
    """The ids of the alerts that `batch` gives of it."""
    from tests.cli.test_batch import batch, ids

    return set(ids(batch(log).stdout))


@pytest.fixture(scope="session")
def made(log, tmp_path_factory) -> Path:
    """A folder with a log and the state of having read it; a verdict names an account.

    No byte sequence has its accounts' names by chance.
    """
    from tests.cli.in_process import tailed

    folder = tmp_path_factory.mktemp("made")
    text = log.read_text()
    for number in range(3):
        text = text.replace(f" u{number} [", f" holder-of-{number} [")
    (folder / "access.log").write_text(text)
    assert tailed(folder / "access.log", folder, "--from-start").exit_code == 0
    incident = json.loads((folder / "alerts.jsonl").read_text().splitlines()[0])["portal"]["incident"]["id"]
    note = ["--note", "holder-of-1 was phished, not holder-of-10", "--state", str(folder / "state")]
    said = CliRunner().invoke(main, ["feedback", incident, "confirmed", *note])
    assert said.exit_code == 0, said.output
    return folder


@pytest.fixture
def state(made, tmp_path) -> Path:
    """A copy of that state, to change."""
    return Path(shutil.copytree(made / "state", tmp_path / "state"))


@pytest.fixture(scope="session")
def parsed() -> Callable[[list[str]], click.Context]:
    """Read a command line as far as click does before it runs anything."""

    def parsed(words: list[str]) -> click.Context:
        command, context = main, click.Context(main)
        while isinstance(command, click.Group) and words and command.get_command(context, words[0]):
            command, words = command.get_command(context, words[0]), words[1:]
        return command.make_context("detector", words)

    return parsed
