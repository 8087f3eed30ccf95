import gzip
import json
import os
import subprocess
import sys

import polars as pl
from click.testing import CliRunner

from detector.cli import main
from detector.cli.events import as_lines
from detector.schema import EVENT, conform

GOOD = '192.0.2.{0} - u1 [02/Mar/2026:09:15:0{0} +0100] "GET /patients/185057812345{0}/rights HTTP/1.1" 200 812 "-" "x"'


def written(folder, *lines: str, name: str = "access.log"):
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / name)


def test_one_object_a_line_in_ecs_names(tmp_path):
    result = CliRunner().invoke(main, ["parse", written(tmp_path, GOOD.format(1), GOOD.format(2))])
    assert result.exit_code == 0, result.output
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first["@timestamp"] == "2026-03-02T08:15:01.000Z"
    assert (first["source.ip"], first["user.name"], first["http.response.status_code"]) == ("192.0.2.1", "u1", 200)
    assert first["url.path"] == "/patients/{subject}/rights"
    assert first["portal.subject"] != second["portal.subject"]
    assert second["log.offset"] == len(GOOD.format(1)) + 1
    assert None not in first.values()


def test_says_which_format_it_took_and_why(tmp_path):
    result = CliRunner().invoke(main, ["parse", written(tmp_path, GOOD.format(1))])
    assert "combined: it reads 1 of the first 1 lines" in result.stderr


def test_rejects_have_place_and_reason_and_are_warned_of(tmp_path):
    path = written(tmp_path, GOOD.format(1), "this is no line of it", GOOD.format(2))
    result = CliRunner().invoke(main, ["parse", path, "--rejects", str(tmp_path / "rejects.jsonl")])
    assert len(result.stdout.splitlines()) == 2
    (reject,) = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert (reject["log.offset"], reject["log.file.path"]) == (len(GOOD.format(1)) + 1, path)
    assert "not a line" in reject["reason"]
    assert "WARNING: 33.3% of the lines" in result.stderr
    assert "this is no line" not in result.stderr + (tmp_path / "rejects.jsonl").read_text()


def test_log_format_is_the_one_given(tmp_path):
    result = CliRunner().invoke(main, ["parse", written(tmp_path, GOOD.format(1)), "--log-format", "json"])
    assert result.stdout == ""
    assert "1 not read" in result.stderr


def test_a_format_that_is_none_is_2_and_a_path_that_is_not_there_3(tmp_path):
    assert CliRunner().invoke(main, ["parse", written(tmp_path, "x"), "--log-format", "nonsense"]).exit_code == 2
    missing = CliRunner().invoke(main, ["parse", str(tmp_path / "none.log")])
    assert missing.exit_code == 3
    assert "none.log" in missing.stderr
    assert "Traceback" not in missing.output


def test_compressed_files_and_standard_input(tmp_path):
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(GOOD.format(1).encode() + b"\n"))
    assert len(CliRunner().invoke(main, ["parse", str(tmp_path)]).stdout.splitlines()) == 1
    done = subprocess.run(
        [sys.executable, "-m", "detector", "parse", "-"], input=GOOD.format(1).encode(), capture_output=True, check=True
    )
    assert json.loads(done.stdout)["user.name"] == "u1"


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path):
    path = written(tmp_path, *(GOOD.format(n % 10) for n in range(30_000)))
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-m", "detector", "parse", path], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.read(read, 100)
    os.close(read)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr
    assert b"Exception" not in stderr


def test_values_that_look_like_json_stay_whole():
    hostile = '",\\"url.path\\":null,"url.path":null,x\u009b31m\x1b\n'
    events = conform(
        pl.DataFrame({"user_agent.original": [hostile, None]}).with_columns(
            pl.lit("2026-03-02T08:15:01Z").str.to_datetime(time_zone="UTC").alias("@timestamp")
        ),
        EVENT,
    )
    first, second = as_lines(events).splitlines()
    assert json.loads(first) == {"@timestamp": "2026-03-02T08:15:01.000Z", "user_agent.original": hostile}
    assert json.loads(second) == {"@timestamp": "2026-03-02T08:15:01.000Z"}
    assert b"\xc2\x9b" not in first


def test_a_format_that_the_command_line_gets_wrong_is_not_the_configurations_fault(log, tmp_path):
    result = CliRunner().invoke(main, ["parse", str(log), "--log-format", "nosuch"])
    assert result.exit_code == 2
    assert result.stderr.startswith("detector: no such format: 'nosuch'")
