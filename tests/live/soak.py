"""Let the real `detector tail` follow live logs for an hour, at a fixed rate, through rotations; hold it to be flat.

`python -m tests.live.soak --minutes 60` simulates a portal of some days and writes its lines as fast as they last so
long: three logs, two renamed and compressed, one copied and truncated, every few minutes. Event time runs faster than
the clock, so that midnights fall into the run. It prints what was measured, and fails where memory, files or lag grow.
"""

import argparse
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import repeat
from pathlib import Path

from detector.context.intake import NAME, Intake
from detector.lab.simulate import simulate
from tests.live.faults import counted
from tests.live.runs import positions
from tests.live.writer import NAMED, Log

ACCOUNTS, DAYS = 1000, 60
ATTACKS = ("viamedis", "smash_and_grab", "stuffing", "swarm", "low_and_slow", "dormant", "session_taken")
LOGS = 3
TICKS_A_SECOND = 10
ROTATE_S, SAMPLE_S, ROW_S = 180, 5, 300
KEPT_FILES = 4
LINE_BYTES = 240
LATENESS_S, IDLE_S = 2.0, 60.0
"""How far out of order lines may come, and how far a quiet log holds the others back, on the clock."""

WARM_SHARE = 0.5
"""Of the run, before memory is held to be flat: what is kept for thirty days is full by then."""

MEMORY_SHARE, FILES, LAG_S = 0.10, 4, 5.0
"""By how much memory may grow after that, by how many the files that are open differ, and how far reading be behind
(median), in seconds of writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The process at one moment."""

    at_s: float
    memory_mb: float
    files: int
    threads: int
    cpu_s: float
    state_mb: float
    unread_mb: float
    written: int
    last: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--portal", type=Path, help="folder of a portal that `detector simulate` made")
    parser.add_argument("--rate", type=float, help="lines a second; else what makes the portal last for the run")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="detector-soak-"))
    portal = asked.portal or _simulated(folder / "portal")
    lines = int(subprocess.run(["wc", "-l", portal / "access.log"], check=True, capture_output=True).stdout.split()[0])
    rate = asked.rate or lines / (asked.minutes * 60)
    print(f"{lines:,} lines, {rate:,.0f} a second for {asked.minutes:g} minutes, in {folder}", flush=True)
    config = _configured(folder, portal, speed=DAYS * 86_400 * rate / lines)
    samples, lost = _soak(folder, portal / "access.log", config, rate, asked.minutes * 60)
    faults = [*judge(samples, rate), *lost]
    print(*(f"FAULT: {fault}" for fault in faults), "flat" if not faults else "not flat", sep="\n")
    return bool(faults)


def _simulated(folder: Path) -> Path:
    start = date.today() - timedelta(days=DAYS - 1)
    simulate(folder, seed=9, accounts=ACCOUNTS, days=DAYS, start=start, attacks=ATTACKS, size=0.3, events=())
    return folder


def _configured(folder: Path, portal: Path, speed: float) -> Path:
    """Write the portal's configuration, with what is meant in seconds of the clock as so much event time."""
    told = (portal / "detector.yml").read_text().replace("accounts.csv", str(portal.absolute() / "accounts.csv"))
    reading = f"input:\n  max_lateness_s: {LATENESS_S * speed:.0f}\n  max_idle_s: {IDLE_S * speed:.0f}\n"
    path = folder / "detector.yml"
    path.write_text(told.replace("input:\n", reading))
    return path


def _soak(folder: Path, source: Path, config: Path, rate: float, lasting_s: float) -> tuple[list[Sample], list[str]]:
    """Write and rotate while the detector follows; return what was sampled, and what was lost at the end."""
    chance = random.Random(1)
    logs = [Log(folder / f"web{n}", f"web{n}", NAMED, chance, lambda: time.sleep(0.05)) for n in range(LOGS)]
    command = [sys.executable, "-m", "detector", "tail", *(str(log.path) for log in logs), "--from-start"]
    command += ["--config", str(config), "--no-progress", "--log-level", "info"]
    command += ["--state", str(folder / "state"), "--alerts", str(folder / "alerts.jsonl")]
    with (folder / "said.log").open("ab") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        samples, written = [], 0
        try:
            _await_first_look(folder / "state")
            for written in _write(source, logs, rate, lasting_s):
                if process.poll() is not None:
                    return samples, [f"ended with {process.returncode}: see {folder}/said.log"]
                _sample(samples, process.pid, folder / "state", logs, written)
            _catch_up(folder / "state", written)
            _sample(samples, process.pid, folder / "state", logs, written)
        finally:
            process.terminate()
            code = process.wait(60)
    read = counted(folder / "state")
    lost = [] if read == written else [f"{read:,} of {written:,} lines read"]
    return samples, [*lost, *([f"SIGTERM: ended with {code}"] if code else [])]


def _await_first_look(state: Path, most_s: float = 60.0) -> None:
    """Wait until the logs are known: a named file that is rotated before was never met."""
    until = time.monotonic() + most_s
    while len(positions(state)) < LOGS and time.monotonic() < until:
        time.sleep(0.1)


def _write(source: Path, logs: Sequence[Log], rate: float, lasting_s: float) -> Iterator[int]:
    """Write lines at a rate, dealt out in turn, rotate now and then; yield how many are written, after each tick."""
    begun, written, rotated = time.monotonic(), 0, 0
    with source.open("rb") as file:
        while (spent := time.monotonic() - begun) < lasting_s:
            due = int(spent * rate) - written
            lines = [line for _, line in zip(range(due), file, strict=False)]
            for place, log in enumerate(logs):
                log.write(b"".join(lines[place :: len(logs)]))
            written += len(lines)
            if spent > (rotated + 1) * ROTATE_S / len(logs):
                _rotate(logs[rotated % len(logs)], by_copy=rotated % len(logs) == len(logs) - 1)
                rotated += 1
            yield written
            if due > 0 and not lines:
                return
            time.sleep(1 / TICKS_A_SECOND)


def _rotate(log: Log, *, by_copy: bool) -> None:
    """Compress the file before, then rotate, as logrotate with `delaycompress`."""
    log.compress()
    (log.copy_and_truncate if by_copy else log.rename)()
    log.drop_oldest(KEPT_FILES)


def _sample(samples: list[Sample], pid: int, state: Path, logs: Sequence[Log], written: int) -> None:
    """Look at the process, when it is time to; print a row of the table, when that is due."""
    now = time.monotonic()
    if samples and now - samples[-1].at_s < SAMPLE_S:
        return
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    one = Sample(
        at_s=now,
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
        files=len(os.listdir(f"/proc/{pid}/fd")),
        threads=int(status["Threads"]),
        cpu_s=sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
        state_mb=sum(path.stat().st_size for path in state.glob("*") if path.is_file()) / 1e6 if state.exists() else 0,
        unread_mb=sum(map(_unread, logs, repeat(positions(state)))) / 1e6,
        written=written,
        last=_read(state)[1],
    )
    if not samples:
        print(
            "minute | lines | memory MB | files | threads | CPU % | state MB | MB unread, median and most | event time"
        )
    elif (now - samples[0].at_s) // ROW_S > (samples[-1].at_s - samples[0].at_s) // ROW_S:
        print(_row(samples, one), flush=True)
    samples.append(one)


def _row(samples: Sequence[Sample], one: Sample) -> str:
    lately = [*(past for past in samples if past.at_s > one.at_s - ROW_S), one]
    behind = [past.unread_mb for past in lately]
    cpu = 100 * (one.cpu_s - lately[0].cpu_s) / max(one.at_s - lately[0].at_s, 1)
    spent = f"{(one.at_s - samples[0].at_s) / 60:6.0f} | {one.written:,} | {one.memory_mb:,.0f} | {one.files}"
    used = f"{one.threads} | {cpu:.0f} | {one.state_mb:,.0f}"
    return f"{spent} | {used} | {statistics.median(behind):.2f}, {max(behind):.2f} | {one.last[:16]}"


def _unread(log: Log, known: dict) -> int:
    """How many bytes of a log's newest file the state has not."""
    inode, size = log.live
    offsets = [mark["offset"] for one in known.values() for mark in one["files"] if mark["inode"] == inode]
    return size - max([0, *(offset for offset in offsets if offset <= size)])


def _read(state: Path) -> tuple[int, str]:
    """How many lines the state has released to detection, and the time of the last."""
    try:
        with closing(sqlite3.connect(f"file:{state}/state.sqlite?mode=ro", uri=True)) as database:
            row = database.execute("SELECT body FROM snapshot WHERE name = ?", (NAME,)).fetchone()
    except sqlite3.OperationalError:
        return 0, ""
    intake = Intake()
    if row:
        intake.restore({NAME: row[0]})
    last: datetime | None = intake.last
    return sum(sum(counts[:2]) for counts in intake.days.values()), last.isoformat() if last else ""


def _catch_up(state: Path, written: int, most_s: float = 120.0) -> None:
    """Wait until reading comes no further: what is left is within the lateness."""
    until, before = time.monotonic() + most_s, -1
    while (now := _read(state)[0]) != before and now < written and time.monotonic() < until:
        before = now
        time.sleep(5)


def judge(samples: Sequence[Sample], rate: float) -> list[str]:
    """Say what was not flat."""
    begun, lasted = samples[0].at_s, samples[-1].at_s - samples[0].at_s
    warm = [one for one in samples if one.at_s - begun >= WARM_SHARE * lasted]
    hours, memory = [(one.at_s - begun) / 3600 for one in warm], [one.memory_mb for one in warm]
    slope = statistics.linear_regression(hours, memory).slope
    grown = slope * (hours[-1] - hours[0]) / statistics.mean(memory)
    files = sorted(one.files for one in warm)
    behind = statistics.median(one.unread_mb for one in warm) / (rate * LINE_BYTES / 1e6)
    print(
        f"after the first {WARM_SHARE * lasted / 60:.0f} minutes: memory {min(memory):,.0f} to {max(memory):,.0f} MB,"
        f" {slope:+,.0f} MB an hour; {files[0]} to {files[-1]} files open; {behind:.1f} s behind (median);"
        f" {100 * (samples[-1].cpu_s - samples[0].cpu_s) / lasted:.0f} % of one core"
    )
    return [
        *([f"memory grew by {grown:.0%} in {60 * (hours[-1] - hours[0]):.0f} minutes"] if grown > MEMORY_SHARE else []),
        *([f"{files[0]} to {files[-1]} files open"] if files[-1] - files[0] > FILES else []),
        *([f"reading was {behind:.1f} s behind"] if behind > LAG_S else []),
    ]


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    sys.exit(main())
