"""YAML that somebody else may have written is refused by line, before it hangs, crashes or runs anything."""

from pathlib import Path

import pytest

from detector.collect.enrich.network_kind import read_kinds
from detector.config import load
from detector.detect.rules import documents
from detector.errors import FaultsError

LAUGHS = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
HOSTILE = {
    LAUGHS: ":4: YAML that is refused: aliases stand for more than 10000 values",
    "a: 1\nb: " + "[" * 100_000: ":2: YAML that is refused: nested more than 50 deep",
    "a: " + "[" * 5000 + "]" * 5000: ":1: YAML that is refused: nested more than 50 deep",
    "".join(" " * n + "- \n" for n in range(60)) + " " * 60 + "x: 1": (
        ":51: YAML that is refused: nested more than 50 deep"
    ),
    "a: 1\nb: &b [*b]\n": ":2: YAML that is refused: alias *b stands within what it names",
    "&a {x: *a}\n": ":1: YAML that is refused: alias *a stands within what it names",
    "a: *b\n": ":1: not YAML: found undefined alias",
    "a: " + "9" * 100_000: f":1: not YAML: '{'9' * 40}' is no int",
    "a: 1\nb: " + ":".join(["59"] * 500): ":2: not YAML: '59:59",
    "a: !!bool maybe\n": ":1: not YAML: 'maybe' is no bool",
    "a: !!int x\n": ":1: not YAML: 'x' is no int",
    "!!python/object/apply:os.system [touch pwned]\n": ":1: not YAML: could not determine a constructor",
    "? [a]\n: b\n": ":1: not YAML: found unhashable key",
    "a: 1\nb: \x1b[2J\n": ":2: not YAML: control characters are not allowed",
}


@pytest.fixture(params=HOSTILE, ids=lambda text: HOSTILE[text].partition("YAML")[2][:40])
def hostile(request, tmp_path) -> tuple[Path, str]:
    (tmp_path / "f.yml").write_text(request.param, "utf-8")
    return tmp_path / "f.yml", HOSTILE[request.param]


def test_a_hostile_configuration_is_refused_by_line(hostile):
    path, why = hostile
    with pytest.raises(FaultsError) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}{why}")


def test_a_hostile_rule_is_refused_by_line(hostile):
    path, why = hostile
    _, faults = documents.read(path)
    assert str(faults[0]).startswith(f"{path}{why}")


def test_a_hostile_list_of_networks_is_refused_by_line(hostile):
    path, why = hostile
    with pytest.raises(FaultsError) as refused:
        read_kinds(path)
    assert str(refused.value).startswith(f"{path}{why}")


def test_anchors_in_measure_are_taken(tmp_path):
    config = tmp_path / "detector.yml"
    config.write_text(
        "input: {trusted_proxies: &own [192.0.2.1]}\nallow: [{reason: own, until: 2027-01-01, networks: *own}]\n"
    )
    assert load(config).allow[0].networks == ("192.0.2.1/32",)


def test_a_second_document_is_no_configuration(tmp_path):
    (tmp_path / "two.yml").write_text("language: fr\n---\nlanguage: en\n")
    with pytest.raises(FaultsError, match=r"two\.yml:3: a second document came, one is required"):
        load(tmp_path / "two.yml")
