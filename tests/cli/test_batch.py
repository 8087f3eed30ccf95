"""The main job through its command: options, exit codes, files. What it detects is tried elsewhere."""

import json
import os
import stat
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner, Result

from detector.cli import main
from detector.config import shipped


def batch(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["batch", *map(str, arguments)])


def ids(text: str) -> list[str]:
    return [json.loads(line)["event"]["id"] for line in text.splitlines()]


def test_alerts_go_to_standard_output_and_the_summary_to_standard_error(log):
    result = batch(log)
    assert result.exit_code == 0, result.output
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    assert {one["user"]["name"] for one in alerts} == {"u1"}
    assert alerts[0]["portal"]["incident"]["state"] == "opened"
    assert "1 incident opened" in result.stderr
    assert "1 line: not a line" in result.stderr


def test_files_hold_the_same_and_are_their_owners(log, tmp_path, expected):
    names = {"--alerts": "a.jsonl", "--rejects": "r.jsonl", "--stats": "s.json", "--report": "p.html"}
    paths = {option: tmp_path / name for option, name in names.items()}
    result = batch(log, *(part for pair in paths.items() for part in pair))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert set(ids(paths["--alerts"].read_text())) == expected
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths.values()} == {0o600}
    stats = json.loads(paths["--stats"].read_text())
    assert stats["lines"] == stats["events"] + stats["rejects"] == 1681
    wanted = "late alerts accounts seconds lines_per_s peak_rss_bytes first_event last_event"
    assert set(wanted.split()) <= set(stats)
    assert json.loads(paths["--rejects"].read_text())["log.file.path"] == str(log)
    assert "<article" in paths["--report"].read_text()


def test_a_second_run_without_state_begins_its_file_anew(log, tmp_path):
    for _ in range(2):
        batch(log, "--alerts", tmp_path / "a.jsonl")
    found = ids((tmp_path / "a.jsonl").read_text())
    assert len(set(found)) == len(found) > 0


def test_ocsf(log):
    alerts = [json.loads(line) for line in batch(log, "--format", "ocsf").stdout.splitlines()]
    assert {one["class_uid"] for one in alerts} == {2004}


def test_sinks_of_the_configuration_and_alerts_instead_of_them(log, tmp_path):
    tree = yaml.safe_load(shipped("config", "default.yml").read_text("utf-8"))
    tree |= {"sinks": [{"kind": "file", "path": "own.jsonl", "format": "ocsf"}], "accounts": {}, "networks": {}}
    (tmp_path / "c.yml").write_text(yaml.safe_dump(tree), "utf-8")
    result = batch(log, "--config", tmp_path / "c.yml")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    size = (tmp_path / "own.jsonl").stat().st_size
    assert size > 0
    assert batch(log, "--config", tmp_path / "c.yml", "--alerts", "-").stdout != ""
    assert (tmp_path / "own.jsonl").stat().st_size == size


@pytest.mark.parametrize(("level", "code"), [("informational", 1), ("high", 1)])
def test_fail_on_a_level_that_was_reached(log, level, code):
    assert batch(log, "--fail-on", level).exit_code == code


def test_fail_on_a_level_that_was_not_reached(log):
    assert batch(log, "--until", "2026-03-05", "--fail-on", "low").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "count"),
    [(["--since", "2026-03-05T00:00:00Z"], 1500), (["--until", "2026-03-03"], 60), (["--since", "2027-01-01"], 0)],
)
def test_since_and_until_leave_the_rest_undetected(log, arguments, count):
    result = batch(log, *arguments)
    assert result.exit_code == 0, result.output
    assert bool(result.stdout) == (count == 1500)


def test_learn_raises_nothing(log, tmp_path):
    result = batch(log, "--learn", "--state", tmp_path / "state")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "raises nothing" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--since", "yesterday"], 2, "is no moment"),
        (["--fail-on", "nonsense"], 2, "nonsense"),
        (["--config", "none.yml"], 2, "none.yml:1: cannot be read"),
        (["--alerts", "/nonexistent/a.jsonl"], 2, "/nonexistent/a.jsonl: cannot be written"),
        (["--rejects", "/nonexistent/a.jsonl"], 2, "/nonexistent/a.jsonl: cannot be written"),
        (["--report", "/nonexistent/a.html"], 2, "/nonexistent/a.html: cannot be written"),
        (["/nonexistent/access.log"], 3, "/nonexistent/access.log"),
    ],
)
def test_faults_are_a_message_and_a_code(log, arguments, code, said):
    result = batch(log, *arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_state_that_another_process_holds_is_4(log, tmp_path):
    read, write = os.pipe()
    holder = subprocess.Popen(
        [sys.executable, "-m", "detector", "batch", "-", "--state", str(tmp_path / "state")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=write,
    )  # fmt: skip
    try:
        while not (tmp_path / "state" / "state.sqlite").exists():
            assert holder.poll() is None
        result = batch(log, "--state", tmp_path / "state")
    finally:
        holder.communicate(b"", timeout=60)
        os.close(write)
        os.close(read)
    assert result.exit_code == 4, result.output
    assert str(holder.pid) in result.stderr


def test_a_reader_that_goes_away_is_no_traceback(log):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-m", "detector", "batch", str(log)], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    _, stderr = process.communicate(timeout=120)
    assert b"Traceback" not in stderr
    assert b"Exception ignored" not in stderr
    assert b"stdout" in stderr


def test_samples_are_found_where_no_folder_of_that_name_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = batch("sample_logs")
    assert result.exit_code == 0, result.output
    assert result.stdout


@pytest.mark.parametrize("until", ["2026-03-02", "2026-03-01T22:00:00Z"])
def test_a_span_in_which_nothing_lies_is_refused(log, until):
    result = batch(log, "--since", "2026-03-02", "--until", until)
    assert result.exit_code == 2
    assert "--since 2026-03-02 00:00:00 is not before --until" in result.stderr
    assert "nothing would be read" in result.stderr
