import os
import pty
import subprocess
import sys

from click.testing import CliRunner

from detector.cli import main
from detector.cli.docs import pages


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["docs", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_every_page_is_listed_with_its_title():
    lines = run().splitlines()
    assert {"delivery", "formats", "sinks/kafka"} <= {line.split()[0] for line in lines}
    assert [line for line in lines if len(line.split(maxsplit=1)) != 2] == []
    assert len(lines) == len(pages())


def test_a_page_comes_as_it_is_where_no_terminal_reads():
    assert run("formats").rstrip("\n") == pages()["formats"].read_text("utf-8").rstrip("\n")


def test_a_page_that_is_none_says_which_there_are():
    assert "no such page: 'nonsense'; there are " in run("nonsense", code=3)
    assert "no such page: '../../pyproject'" in run("../../pyproject", code=3)


def test_a_terminal_gets_a_pager(tmp_path):
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged; cat >/dev/null\n")
    pager.chmod(0o755)
    outer, inner = pty.openpty()
    command = [sys.executable, "-m", "detector", "docs", "formats"]
    subprocess.run(command, stdin=inner, stdout=inner, env=os.environ | {"PAGER": str(pager)}, check=True, timeout=60)
    os.close(inner)
    shown = os.read(outer, 4096).decode()
    os.close(outer)
    assert shown.split() == ["paged"]
