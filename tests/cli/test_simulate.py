import json
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.config import Config
from detector.emit.alert import ecs
from detector.emit.incident import Incidents
from tests.emit.signals import frame, signal


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "out"
    result = CliRunner().invoke(main, ["simulate", str(folder), "--accounts", "30", "--days", "3", "--seed", "5"])
    assert result.exit_code == 0, result.output
    assert "1 attacks" in result.stderr
    return folder


def test_simulate_writes_a_log_its_configuration_and_its_truth(simulated):
    labels = [json.loads(line) for line in (simulated / "labels.jsonl").read_text().splitlines()]
    lines = (simulated / "access.log").read_bytes().count(b"\n")
    assert labels[0]["lines"] == lines > 300
    assert [one["shape"] for one in labels[1:]] == ["viamedis"]
    result = CliRunner().invoke(main, ["check", "--config", str(simulated / "detector.yml")])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("arguments", [["--attack", "nonsense"], ["--accounts", "0"], ["--log-format", "nonsense"]])
def test_simulate_bad_usage_is_2(tmp_path, arguments):
    result = CliRunner().invoke(main, ["simulate", str(tmp_path / "x"), *arguments])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def written(attack: dict, minutes: int) -> str:
    at = datetime.fromisoformat(attack["start"]) + timedelta(minutes=minutes)
    row = signal(0, attack["accounts"][0]) | {"@timestamp": at, "signal.start": at}
    alerts = Incidents(Config()).admit(frame(row), lambda *_: 0, None)
    return "".join(json.dumps(ecs(one, at)) + "\n" for one in alerts)


def test_evaluate_judges_alerts_as_they_are_written(simulated, tmp_path):
    attack = json.loads((simulated / "labels.jsonl").read_text().splitlines()[1])
    (tmp_path / "alerts.jsonl").write_text(written(attack, 5))
    arguments = ["evaluate", str(simulated / "labels.jsonl"), str(tmp_path / "alerts.jsonl")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "100% of 1 attacks caught, 0.00 false alerts" in result.stdout
    told = json.loads(CliRunner().invoke(main, [*arguments, "-o", "json"]).stdout)
    assert told["overall"]["recall"]["value"] == 1.0


def test_evaluate_of_no_alerts_catches_nothing(simulated, tmp_path):
    (tmp_path / "alerts.jsonl").write_text("")
    result = CliRunner().invoke(main, ["evaluate", str(simulated / "labels.jsonl"), str(tmp_path / "alerts.jsonl")])
    assert "0% of 1 attacks caught" in result.stdout


def test_evaluate_of_a_missing_file_is_3(tmp_path):
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "none"), str(tmp_path / "none")])
    assert result.exit_code == 3
    assert "cannot be read" in result.stderr
