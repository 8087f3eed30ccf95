"""What a configuration leaves out of the portal is as in the shipped one; patterns are Rust's."""

from pathlib import Path

import pytest
import yaml

from detector import config
from detector.collect.formats import names
from detector.errors import FaultsError

SHIPPED = config.load().portal


@pytest.mark.parametrize("text", ["", "input: {timezone: UTC}\n", "portal: {key: {env: MY_KEY}}\n"])
def test_a_file_that_says_nothing_of_it_keeps_the_shipped_portal(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yml"
    path.write_text(text)
    portal = config.load(path).portal
    assert portal.actions == SHIPPED.actions != ()
    assert portal.subjects == SHIPPED.subjects != ()


def test_a_list_of_ones_own_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "own.yml"
    path.write_text("portal: {subjects: [], actions: [{action: logon, path: ^/in$}]}\n")
    portal = config.load(path).portal
    assert portal.subjects == ()
    assert [one.path for one in portal.actions] == ["^/in$"]


def test_a_pattern_may_use_what_only_rust_knows(tmp_path: Path) -> None:
    path = tmp_path / "own.yml"
    path.write_text(r"portal: {subjects: [{path: '^/p/(?P<subject>\p{L}+)'}, {path: '^/p/\p{L}+'}]}" + "\n")
    with pytest.raises(FaultsError, match="needs a group") as fault:
        config.load(path)
    assert len(fault.value.faults) == 1


def test_the_shipped_file_shows_every_setting_and_what_it_is_without_it() -> None:
    shown = yaml.safe_load(config.shipped("config", "default.yml").read_text("utf-8"))
    without, shipped = config.Config(), config.load()
    for name in config.Config.model_fields:
        section = getattr(without, name)
        assert name in shown
        if name == "portal" or not isinstance(section, config.Section):
            continue
        assert shown[name].keys() == type(section).model_fields.keys(), name
        assert getattr(shipped, name) == section, name


def test_the_shipped_file_names_every_format() -> None:
    text = config.shipped("config", "default.yml").read_text("utf-8")
    assert [name for name in names() if name not in text] == []


def test_a_key_file_stands_beside_the_configuration_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "own.yml"
    path.write_text("portal: {key: {file: own.key}}\n")
    portal = config.load(path).portal
    assert portal.key.file == tmp_path / "own.key"
    assert portal.key.fault("what", "file").file == str(path)
    assert portal.actions == SHIPPED.actions
