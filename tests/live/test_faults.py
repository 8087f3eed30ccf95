"""Whatever befalls the detector and its logs, the alerts delivered are those of an undisturbed batch, no line lost.

The long version, with the count of faults survived: `pytest -m slow tests/live -s`, or `python -m tests.live.faults N`.
"""

import os
from pathlib import Path

import pytest

from tests.live.faults import Portal, main, run_seed
from tests.live.runs import Exec, Zygote

SEEDS = int(os.environ.get("FAULTS", "300"))


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    return Portal.simulated(tmp_path_factory.mktemp("portal"))


@pytest.mark.parametrize(("seed", "starter"), [pytest.param(5, Zygote, marks=pytest.mark.slow), (7, Exec)])
def test_faults_change_no_alert_and_lose_no_line(portal, seed, starter, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    starting = starter()
    try:
        survived = run_seed(portal, seed, starting, steps=15)
    finally:
        starting.close()
    assert sum(survived[what] for what in ("killed", "stopped", "disk_full")) >= 1
    assert any(what.startswith("rotated") for what in survived)


@pytest.mark.slow
def test_hundreds_of_seeds(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    assert main([str(SEEDS)]) == 0
