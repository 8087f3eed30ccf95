"""Invariant 7: no insured person's identifier leaves collect/. Every output is searched for every one put in."""

import os
import random
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from detector.config import shipped
from detector.context import frames

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)

TARGETS = (
    "/patients/{0}/rights",
    "/patients/{0}",
    "/patients/{0}/invoices?from=2025&nir={0}",
    "/search?nir={0}",
    "/search?q=nom&NIR={0}",
    "/api/members/{0}?x=1",
    "/search?nir={1}",
    "/exports/{0}.csv",
    "/patients/{2}/rights",
)


def identifier(rng: random.Random) -> str:
    return f"{rng.choice('12')}{rng.randrange(10**12):012d}"


def written(rng: random.Random, count: int, used: set[str]) -> list[str]:
    """Lines with an identifier wherever one can stand; some lines are broken and must become rejects."""
    lines = []
    for number in range(count):
        one, referrer = identifier(rng), identifier(rng)
        used |= {one, referrer}
        encoded = "".join(f"%{ord(digit):02X}" for digit in one)
        spaced = f"{one[0]}%20{one[1:3]}%20{one[3:5]}%20{one[5:7]}%20{one[7:10]}%20{one[10:]}"
        target = rng.choice(TARGETS).format(one, encoded, spaced)
        moment = (START + timedelta(seconds=number)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        # the last hundreds are one account's burst, so that there are alerts to search
        user = "p0001" if number > count * 0.7 else f"p{rng.randrange(30):04d}"
        line = f'192.0.2.{rng.randrange(200)} - {user} [{moment}] "GET {target} HTTP/1.1" 200 812'
        line += f' "https://portail.example/patients/{referrer}/rights" "{AGENT}"'
        if number % 50 == 7:
            line = line.replace("[", "").replace('"GET', "GET")
        if number % 50 == 8:
            line = line[: line.index('"')] + "x" * 70_000 + one
        lines.append(line)
    return lines


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> tuple[dict[str, bytes], set[str]]:
    folder = tmp_path_factory.mktemp("privacy")
    rng, used = random.Random(7), set[str]()
    (folder / "access.log").write_text("\n".join(written(rng, 3000, used)) + "\n", "utf-8")
    arguments = ["batch", "access.log", "--state", "state", "--alerts", "alerts.jsonl", "--log-level", "debug"]
    arguments += ["--rejects", "rejects.jsonl", "--stats", "stats.json", "--report", "report.html"]
    return run(folder, arguments) | state(folder / "state"), used


def run(folder: Path, arguments: list[str]) -> dict[str, bytes]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "detector", *arguments], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    names = [argument for argument in arguments if (folder / argument).is_file() and not argument.endswith(".log")]
    return {name: (folder / name).read_bytes() for name in names} | {"stdout": done.stdout, "stderr": done.stderr}


def state(folder: Path) -> dict[str, bytes]:
    """All bytes of the state, and what its compressed parts hold."""
    found = {f"state/{path.name}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    database = sqlite3.connect(folder / "state.sqlite")
    for table, column in (("journal", "seq"), ("snapshot", "name")):
        for key, body in database.execute(f"SELECT {column}, body FROM {table}"):
            found[f"{table}/{key}"] = unpacked(body)
    database.close()
    return found


def unpacked(body: bytes) -> bytes:
    try:
        return frames.unpack(body).select(pl.all().cast(pl.String, strict=False)).write_csv().encode()
    except (pl.exceptions.PolarsError, OSError):
        return body


def spellings(one: str) -> list[str]:
    """The ways in which the same identifier may still be read."""
    groups = [one[0], one[1:3], one[3:5], one[5:7], one[7:10], one[10:]]
    percent = "".join(f"%{ord(digit):02X}" for digit in one)
    return [one, percent, *(between.join(groups) for between in (" ", "%20", "+", "."))]


def held(body: bytes, used: set[str]) -> set[str]:
    """The identifiers that `body` shows, however they are spelled: every window of digits is looked up."""
    plain = re.sub(rb"%3([0-9])", rb"\1", body)
    joined = re.sub(rb"(?<=[0-9])(?: |%20|[+.-])+(?=[0-9])", b"", plain)
    sizes = {len(one) for one in used}
    runs = {run.decode() for text in (plain, joined) for run in re.findall(rb"[0-9]{13,}", text)}
    return {run[i : i + size] for run in runs for size in sizes for i in range(len(run) - size + 1)} & used


def test_the_run_has_something_of_everything(outputs):
    found, used = outputs
    assert len(used) == 6000
    for name in ("alerts.jsonl", "rejects.jsonl", "stats.json", "report.html", "stderr", "state/state.sqlite"):
        assert found[name], name
    assert len(found["rejects.jsonl"].splitlines()) == 120


def test_no_output_holds_an_identifier(outputs):
    found, used = outputs
    assert {name: shown for name, body in found.items() if (shown := held(body, used))} == {}


def test_parse_shows_none_either(tmp_path):
    rng, used = random.Random(8), set[str]()
    (tmp_path / "access.log").write_text("\n".join(written(rng, 500, used)) + "\n", "utf-8")
    found = run(tmp_path, ["parse", "access.log", "--rejects", "rejects.jsonl", "--log-level", "debug"])
    assert len(found["stdout"].splitlines()) == 480
    assert {name: shown for name, body in found.items() if (shown := held(body, used))} == {}


def test_no_output_on_the_samples_holds_one(tmp_path):
    used = set[str]()
    for path in shipped("sample_logs").rglob("*.log*"):
        lines = pl.read_csv(path, separator="\x01", quote_char=None, has_header=False, new_columns=["line"])
        used |= set(lines["line"].str.extract_all(r"\b[0-9]{13,15}\b").explode().drop_nulls())
    assert len(used) > 100
    arguments = ["batch", str(shipped("sample_logs")), "--state", "state", "--alerts", "alerts.jsonl"]
    arguments += ["--rejects", "rejects.jsonl", "--stats", "stats.json", "--report", "report.html"]
    found = run(tmp_path, [*arguments, "--log-level", "debug"]) | state(tmp_path / "state")
    assert found["alerts.jsonl"]
    assert {name: shown for name, body in found.items() if (shown := held(body, used))} == {}


def test_the_search_would_find_one(outputs):
    _, used = outputs
    one = next(iter(used))
    for word in spellings(one):
        assert held(f"7<{word}>".encode(), used) == {one}, word
        assert held(f"4{word}4".encode(), used) == {one}, word
    assert held(b"0000000000000", used) == set()
