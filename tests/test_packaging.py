import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from detector import VERSION
from detector.config import load, shipped

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_one_version():
    assert PROJECT["project"]["version"] == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_one_command():
    assert PROJECT["project"]["scripts"] == {"detector": "detector.__main__:main"}
    for found in entry_points(group="console_scripts", name="detector"):
        assert found.value == "detector.__main__:main"


@pytest.mark.parametrize("folder", ["rules", "config", "sample_logs"])
def test_what_ships_is_there_and_in_the_wheel(folder):
    assert any(shipped(folder).iterdir())
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"][folder] == f"detector/shipped/{folder}"


def test_the_shipped_configuration_is_valid():
    load()


def test_samples_are_small():
    assert sum(path.stat().st_size for path in shipped("sample_logs").rglob("*") if path.is_file()) < 2_000_000


def test_the_top_level_is_as_described():
    named = {
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "pyproject.toml",
        "detector",
        "rules",
        "config",
        "tests",
        "sample_logs",
    }
    listed = {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}
    assert named <= listed
    assert listed - named <= {"build", "dist"}


def test_tables_keep_their_notice():
    notice = (ROOT / "detector" / "collect" / "tables" / "NOTICE").read_text("utf-8")
    assert "CC BY 4.0" in notice or "CC-BY-4.0" in notice
