"""A trial runs the detector for real, in every variant, and its tables say what came of each."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from detector.cli.evaluate import evaluate
from detector.cli.trial import trial
from detector.config import Config
from detector.errors import InputError
from detector.lab import ablation, calibration, thresholds
from detector.lab import trial as lab
from detector.lab.simulate import SHAPES, simulate
from detector.lab.unusual import causes, sentence


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial") / "small"
    simulate(folder, seed=704, accounts=16, days=8, attacks=["smash_and_grab:vpn:night", "insider"], size=0.02)
    return folder / "labels.jsonl"


@pytest.fixture(scope="module")
def trials(labels: Path) -> list[lab.Trial]:
    variants = [lab.as_configured(), lab.with_budget(10), *lab.ablations()[-2:]]
    return [lab.attempt(labels, variants, fixed=True)]


def test_every_variant_and_threshold_is_judged_on_the_same_log(trials: list[lab.Trial]) -> None:
    (one,) = trials
    assert {"as configured", "budget 10", "models alone", "rules alone", *thresholds.NAMES} == set(one.judged)
    assert {len(judged.outcomes) for judged in one.judged.values()} == {2}
    assert lab.pooled(trials).overall.recall.value == 1
    assert one.judged["budget 10"].alerts >= one.judged["as configured"].alerts > one.judged["rules alone"].alerts


def test_tables_have_a_row_a_log_a_variant_a_budget_and_a_threshold(trials: list[lab.Trial]) -> None:
    twice = [*trials, *trials]
    assert [row[0] for row in lab.table(twice)] == ["small", "small", "all"]
    assert lab.table(twice)[-1][3] == "4 of 4"
    larger = replace(trials[0], accounts=400)
    assert [row[0] for row in lab.table([*twice, larger])] == ["small", "small", "small", "16 accounts", "all"]
    assert [row[0] for row in lab.fixed_table(trials)] == list(thresholds.NAMES)
    rows = ablation.table(trials, lab.ablations()[-2:])
    assert [row[0] for row in rows] == ["as configured", "models alone", "rules alone"]
    (models, rules) = ablation.losses(trials, lab.ablations()[-2:])
    assert models.startswith("models alone: ")
    assert "insider" in rules
    (row,) = calibration.table([10], calibration.results(trials, [10]))
    assert row[0] == "10"
    assert all(len(row) == len(lab.HEADERS) for row in (*lab.table(twice), *lab.fixed_table(trials)))
    assert len(row) == len(calibration.HEADERS)
    assert {len(row) for row in rows} == {len(ablation.HEADERS)}


def test_a_variant_changes_what_its_name_says_and_nothing_else() -> None:
    plain = Config()
    changed = {one.name: one.change(plain) for one in (lab.with_budget(3), *lab.ablations())}
    assert changed["budget 3"].models.budget_per_1000_account_days == 3
    assert changed["without subjects"].models.families_off == ("subjects",)
    assert not changed["models alone"].rules.shipped
    assert changed["models alone"].models == plain.models
    assert not changed["rules alone"].models.enabled
    assert changed["rules alone"].rules == plain.rules


def test_false_alerts_are_told_by_what_was_unusual(tmp_path: Path) -> None:
    (tmp_path / "unusual.csv").write_text("account,kind,first,last\na,season,2026-03-02,2026-03-10\n")
    false = [("a", date(2026, 3, day)) for day in (1, 2, 17, 18)] + [("b", date(2026, 3, 5))]
    counted = causes(tmp_path / "labels.jsonl", false)
    assert counted == {"season": 2, "ordinary work": 3}
    assert sentence(counted) == "False alerts fell on ordinary work (3), season (2)"
    assert not causes(tmp_path / "other" / "labels.jsonl", false)


def test_larger_populations_have_every_shape_several_times() -> None:
    assert [len(lab.fitting(accounts)) for accounts in (100, 400, 1500)] == [
        len(SHAPES), 2 * len(SHAPES) - 1, 3 * len(SHAPES) - 2,
    ]  # fmt: skip
    assert lab.fitting(1500).count("one_in_twenty") == 1


def test_simulated_logs_are_gone_unless_a_folder_is_named(tmp_path: Path) -> None:
    def logs(folder: Path | None) -> list[Path]:
        options = {"days": 2, "size": 0.01, "attacks": ["smash_and_grab"]}
        return list(lab.simulated(folder, [7, 8], [10], **options))  # type: ignore[arg-type]

    assert not any(one.exists() for one in logs(None))
    assert [one.parent.name for one in logs(tmp_path) if one.exists()] == ["10-7", "10-8"]


def test_the_command_prints_the_tables_and_draws_the_picture(labels: Path, tmp_path: Path) -> None:
    path = tmp_path / "trial.svg"
    done = CliRunner().invoke(trial, [str(labels), "--budget", "5", "--picture", str(path)])
    assert done.exit_code == 0, done.output
    assert "2 of 2" in done.output
    assert "false alerts raised" in done.output
    assert b"budget 5" in path.read_bytes()


def test_evaluate_holds_thresholds_beside_and_draws(labels: Path, tmp_path: Path) -> None:
    alerts, path = tmp_path / "alerts.jsonl", tmp_path / "evaluation.svg"
    alerts.touch()
    done = CliRunner().invoke(evaluate, [str(labels), str(alerts), "--thresholds", "--picture", str(path)])
    assert done.exit_code == 0, done.output
    assert "together: " in done.output
    ElementTree.parse(path)


def test_labels_without_a_log_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text('{"type": "attack"}\n')
    with pytest.raises(InputError, match="type `log`"):
        lab.attempt(tmp_path / "labels.jsonl", [lab.as_configured()])
