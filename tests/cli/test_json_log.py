"""With a log of JSON all that a run writes on standard error is one object a line: its end and its refusal too."""

import json
import signal
import subprocess
import sys
import threading

import pytest

from tests.cli.in_process import tail

JSON = "log: {format: json}\n"


def entries(done) -> list[dict]:
    return [json.loads(line) for line in done.stderr.splitlines()]


def ran(folder, command, *words, text=JSON):
    (folder / "c.yml").write_text(text, "utf-8")
    alerts = ("--alerts", str(folder / "alerts.jsonl"))
    asked = [sys.executable, "-m", "detector", command, *map(str, words), "--config", str(folder / "c.yml"), *alerts]
    return subprocess.run(asked, capture_output=True, text=True)


def test_the_summary_is_an_entry_with_the_figures(log, tmp_path):
    done = ran(tmp_path, "batch", log)
    *warnings, over = entries(done)
    assert done.returncode == 0
    assert over["message"] == "run over"
    assert over["labels"]["lines"] == "1681"
    assert over["labels"]["incidents_opened"] == "1"
    assert "no_key" in {one["labels"]["code"] for one in warnings}
    assert "u1" not in done.stderr  # the program's log holds no personal data


def test_a_warning_that_the_log_has_had_is_not_repeated(log, tmp_path):
    codes = [
        one.get("labels", {}).get("code") for one in entries(ran(tmp_path, "batch", log, "--log-level", "warning"))
    ]
    assert codes.count("no_key") == 1


@pytest.mark.parametrize("command", ["batch", "tail"])
def test_a_start_that_is_refused_says_each_fault_in_an_entry(log, tmp_path, command):
    state = ("--state", tmp_path / "state") if command == "tail" else ()
    done = ran(tmp_path, command, log, *state, text=JSON + "bogus: 1\nrules: {disabled: [nope]}\n")
    said = [(one["log.level"], one["message"].partition("; ")[0]) for one in entries(done)]
    assert done.returncode == 2
    assert said == [
        ("error", f"{tmp_path}/c.yml:2: bogus: no such key"),
        ("error", f"{tmp_path}/c.yml:3: rules.disabled.0: no rule 'nope'"),
    ]


def test_an_input_that_is_not_there_is_an_entry(tmp_path):
    done = ran(tmp_path, "batch", tmp_path / "none.log")
    assert done.returncode == 3
    assert [one["log.level"] for one in entries(done)] == ["error"]


def test_a_stop_is_an_entry(log, tmp_path):
    (tmp_path / "c.yml").write_text(JSON, "utf-8")
    asked = tail(log, tmp_path, "--from-start", "--config", str(tmp_path / "c.yml"), "--log-level", "info")
    process = subprocess.Popen(asked, stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(60, process.kill)
    guard.start()
    while "format taken" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    said = [json.loads(line)["message"] for line in process.stderr]
    guard.cancel()
    process.stderr.close()
    assert process.wait() == 0
    assert any(one.startswith("stopped") for one in said)  # a machine that is busy lets no step end


def test_check_is_for_people(tmp_path):
    (tmp_path / "c.yml").write_text(JSON + "bogus: 1\n", "utf-8")
    asked = [sys.executable, "-m", "detector", "check", "--config", str(tmp_path / "c.yml")]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.stderr.startswith(f"{tmp_path}/c.yml:2: bogus: no such key; ")
