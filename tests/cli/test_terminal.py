"""What differs in a terminal: colours, unless NO_COLOR is set, a pager for what is long, a bar with the time left."""

import os
import pty
import re
import subprocess
import sys

import pytest

COLOUR = re.compile(rb"\x1b\[(?:[0-9]+;)*[39][0-7]m")
"""Of letters; bold is no colour."""

TABLE = "from detector.cli.table import print_table; print_table(('a', 'b'), [('x', 'y')], colours=['red'])"
WARNS = """
from detector.emit.summary import tell_warnings
from detector.telemetry import Telemetry
telemetry = Telemetry()
telemetry.warn("x", "beware")
tell_warnings(telemetry)
"""


def seen(*arguments: str, **env: str) -> bytes:
    """Run Python in a terminal and return what the terminal got."""
    outer, inner = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "PAGER", "LESS")}
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=plain | {"TERM": "xterm"} | env) as run:
        os.close(inner)
        parts = []
        while True:
            try:
                part = os.read(outer, 65536)
            except OSError:  # how Linux says that nobody writes any more
                break
            if not part:
                break
            parts.append(part)
        assert run.wait(60) == 0
    os.close(outer)
    return b"".join(parts)


@pytest.mark.parametrize("code", [TABLE, WARNS])
def test_colours_come_in_a_terminal_unless_no_color_is_set(code):
    assert COLOUR.search(seen("-c", code))
    assert not COLOUR.search(seen("-c", code, NO_COLOR="1"))


@pytest.mark.parametrize("code", [TABLE, WARNS])
def test_no_colours_come_where_no_terminal_reads(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=os.environ)
    assert done.stdout + done.stderr
    assert b"\x1b" not in done.stdout + done.stderr


def test_a_pager_shows_a_page_and_the_rules(tmp_path):
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged with $LESS; cat >/dev/null\n")
    pager.chmod(0o755)
    for words in (["docs", "quickstart"], ["rules", "list"]):
        assert seen("-m", "detector", *words, PAGER=str(pager)).split() == [b"paged", b"with", b"FRX"]


def test_a_long_reading_says_how_far_it_is_and_how_long_it_takes(log):
    said = seen("-m", "detector", "scope", "--account", "u1", str(log), COLUMNS="100")
    assert b"0:00:00" in said
    assert b" lines" in said
