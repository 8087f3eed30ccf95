import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from detector.cli import COMMANDS, main
from detector.cli.rules import NAMES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0, result.output
    assert f"detector {command}" in result.output.split("Example")[1]
    if not isinstance(main.get_command(click.Context(main), command), click.Group):
        assert "--config" in result.output or command == "completion"


@pytest.mark.parametrize("words", [*(f"rules {name}" for name in NAMES), "export blocklist"])
def test_commands_of_groups_have_help_too(words):
    result = CliRunner().invoke(main, [*words.split(), "--help"])
    assert result.exit_code == 0, result.output
    assert f"detector {words}" in result.output.split("Example")[1]
    assert "--config" in result.output or words == "rules schema"


def test_all_commands_are_listed():
    output = CliRunner().invoke(main, ["--help"]).output
    assert [name for name in COMMANDS if f"\n  {name} " not in output] == []


@pytest.mark.parametrize("arguments", [["nonsense"], ["batch"], ["batch", "--nonsense", "x"], ["tail", "x"]])
def test_bad_usage_is_2(arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_help_imports_little_and_so_is_quick():
    loaded = "import sys; from detector.cli import main; main(['--help'], standalone_mode=False);"
    loaded += " print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout
    heavy = {"polars", "river", "pydantic", "rich", "sigma", "yaml", "numpy"}
    assert heavy & set(out.splitlines()[-1].split()) == set()
