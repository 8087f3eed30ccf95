"""A folder of broken rules: `detector check` lists every fault at once, each in its line, and blames nobody else.

In the files a comment `# fault: words` stands in the line that must be blamed, with words of what is said.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "broken_rules"
MARK = "# fault: "


def expected() -> dict[tuple[str, int], str]:
    return {
        (path.name, number): line.split(MARK)[1]
        for path in sorted(FOLDER.glob("*.yml"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if MARK in line
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[tuple[str, int], str]:
    command = [sys.executable, "-m", "detector", "check", "--rules", str(FOLDER)]
    home = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(command, capture_output=True, text=True, env=home, cwd=elsewhere)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    found = {}
    for line in done.stderr.splitlines():
        file, number, message = line.removeprefix(f"{FOLDER}/").split(":", 2)
        assert (file, int(number)) not in found, line
        found[file, int(number)] = message
    return found


def test_there_are_more_than_sixty():
    assert len(expected()) > 60


@pytest.mark.parametrize(("place", "words"), expected().items(), ids=lambda value: str(value)[:60])
def test_each_fault_is_told_in_its_line(told, place, words):
    assert words in told.get(place, ""), [f"{at}: {message}" for at, message in told.items() if at[0] == place[0]]


def test_nobody_else_is_blamed(told):
    assert set(told) == set(expected())


def test_no_class_of_a_library_stands_in_a_message(told):
    assert [message for message in told.values() if re.search(r"Sigma\w+|Exception", message)] == []
