"""`tail --once` at a log whose last line is half written: it waits for the rest, unless the log was left so."""

import os
import time

import pytest

from tests.cli.in_process import delivered, tailed


@pytest.mark.parametrize("left", [False, True])
def test_a_half_line_is_judged_when_it_is_whole_or_was_left(log, expected, tmp_path, left):
    lines = log.read_bytes().splitlines(keepends=True)
    live = tmp_path / "access.log"
    live.write_bytes(b"".join(lines[:900]) + lines[900][:-30])
    long_ago = time.time() - 3600 * left
    os.utime(live, (long_ago, long_ago))
    first = tailed(live, tmp_path, "--from-start")
    assert f"{900 + left} lines" in first.stderr
    with live.open("ab") as file:
        file.writelines([lines[900][-30:], *lines[901:]])
    second = tailed(live, tmp_path, "--from-start")
    assert f"{1 + left} not read" in second.stderr  # what came after a line that was left is another, and no line
    assert left or delivered(tmp_path) == expected
