"""What people expect of a command: completion, a man page, JSON on demand, no colours where nobody sees them."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from detector.cli import COMMANDS, main

WRITES = {
    "batch", "tail", "simulate", "report", "reveal", "key rekey",  # files; what they say is on standard error
    "parse", "rules schema", "rules tune", "completion",  # of a form of their own
    "outbox drop", "outbox retry", "state backup", "state forget", "state migrate",
}  # fmt: skip
"""Commands that print no table: the last line, those that do something and say so."""


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Give every command that does something, by its words."""
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield " ".join(path), command
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from leaves(below, *path, name)
    else:
        yield " ".join(path), command


def test_whatever_prints_for_people_prints_json_too():
    for words, command in leaves(main):
        options = {option for one in command.params for option in one.opts}
        assert ("-o" in options) != (words in WRITES), words


def test_every_command_shows_an_example_of_itself():
    for words, command in leaves(main):
        assert f"detector {words}" in (command.epilog or ""), words


def test_every_example_is_a_command(parsed):
    """A line of another program, such as an editor's, is none of ours."""
    for words, command in [("", main), *leaves(main)]:
        text = (command.epilog or "").replace("\\\n", "")
        examples = [line.split(" > ")[0] for line in map(str.strip, text.splitlines()) if line.startswith("detector ")]
        assert examples, words
        for line in examples:
            parsed(shlex.split(line)[1:])


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """`detector` as installed, for a shell to find."""
    path = tmp_path_factory.mktemp("bin") / "detector"
    path.write_text(f"#!{sys.executable}\nfrom detector.cli import main\nmain()\n")
    path.chmod(0o755)
    return path.parent


ASKS = """
eval "$(detector completion bash)"
complete -p detector >&2
COMP_WORDS=({words}) COMP_CWORD={last}
_detector_completion detector
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["detector", "inc"], {"incidents"}),
        (["detector", "rules", "bac"], {"backtest"}),
        (["detector", "scope", "--inc"], {"--incident"}),
        (["detector", "batch", "--format", "c"], {"cef", "cim"}),
        (["detector", ""], set(COMMANDS)),
    ],
)
def test_bash_completes(program, words, offered):
    script = ASKS.format(words=" ".join(f"'{word}'" for word in words), last=len(words) - 1)
    env = os.environ | {"PATH": f"{program}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(["bash", "--norc", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered, done.stderr
    assert "_detector_completion" in done.stderr


@pytest.mark.parametrize(("shell", "marks"), [("zsh", "#compdef detector"), ("fish", "complete --no-files")])
def test_the_other_shells_get_theirs(shell, marks, tmp_path):
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    assert marks in script
    assert "_DETECTOR_COMPLETE" in script
    if reader := shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([reader, "-n", str(tmp_path / "script")], check=True)


@pytest.fixture(scope="module")
def man_page(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("man") / "detector.1"
    path.write_text(CliRunner().invoke(main, ["docs", "--man"], catch_exceptions=False).stdout, "utf-8")
    return path


def test_the_man_page_has_every_command_and_option(man_page):
    plain = man_page.read_text("utf-8").replace("\\-", "-").replace("\\(dq", '"').replace("\\e", "\\")
    for words, command in leaves(main):
        assert f'.SS "detector {words} ' in plain, words
        for option in (one for param in command.params if isinstance(param, click.Option) for one in param.opts):
            assert option in plain
    assert "\b" not in plain
    assert [line for line in plain.splitlines() if line.startswith("'")] == []
    assert "Exit codes: 0 done" in " ".join(plain.split())


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_man_renders_it_without_a_warning(man_page):
    command = ["man", "--warnings", "--local-file", str(man_page)]
    done = subprocess.run(command, env=os.environ | {"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "detector scope [OPTIONS] PATH..." in done.stdout


def test_check_tells_its_faults_to_programs_too(tmp_path):
    broken = tmp_path / "detector.yml"
    broken.write_text("models: {budget_per_1000_account_days: -1}\nnonsense: 1\n")
    done = CliRunner().invoke(main, ["check", "--config", str(broken), "-o", "json"])
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    assert {(one["file"], one["line"]) for one in told["faults"]} == {(str(broken), 1), (str(broken), 2)}
    assert str(broken) in done.stderr
    told = json.loads(CliRunner().invoke(main, ["check", "-o", "json"]).stdout)
    assert told["rules"] > 50
    assert told["faults"] == []
