"""The real command as a process that is killed, stopped, starved and started again over one state."""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

ZYGOTE = Path(__file__).with_name("zygote.py")
ENDS_S = 60.0
"""How long a process may take to end; far longer than any takes, on a machine as busy as may be."""


class Zygote:
    """Starts the command from a process that has its imports."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ZYGOTE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, arguments: list[str], said: Path) -> int:
        return self._ask({"start": arguments, "said": str(said)})

    def wait(self, pid: int) -> int:
        return self._ask({"wait": pid})

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(ENDS_S)
        self._process.stdout.close()

    def _ask(self, question: dict) -> int:
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Exec:
    """Starts the command as a person does: `python -m detector`."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen] = {}

    def start(self, arguments: list[str], said: Path) -> int:
        with said.open("ab") as out:
            process = subprocess.Popen([sys.executable, "-m", "detector", *arguments], stdout=out, stderr=out)
        self._running[process.pid] = process
        return process.pid

    def wait(self, pid: int) -> int:
        return self._running.pop(pid).wait(ENDS_S)

    def close(self) -> None:
        assert not self._running


class Detector:
    """`detector tail` over one state. `survived` counts what it went through."""

    def __init__(self, starter, folder: Path, paths: list[Path], config: Path, chance: random.Random) -> None:
        self.state, self.alerts, self.said = folder / "state", folder / "alerts.jsonl", folder / "said.log"
        self.survived, self.slowest_stop_ms = Counter[str](), 0
        self._starter, self._chance, self._pid, self._saved = starter, chance, None, folder / "saved"
        told = {"--config": config, "--state": self.state, "--alerts": self.alerts, "--log-level": "debug"}
        options = [str(part) for pair in told.items() for part in pair]
        self._arguments = ["tail", *map(str, paths), "--from-start", "--no-progress", *options]

    @property
    def running(self) -> bool:
        if self._pid is not None and _is_over(self._pid):
            self._ended()
        return self._pid is not None

    def start(self) -> None:
        if not self.running:
            self._pid = self._starter.start(self._arguments, self.said)

    def finish(self) -> int:
        """Read what is left, judge it and end."""
        pid = self._starter.start([*self._arguments, "--once"], self.said)
        return self._starter.wait(pid)

    def await_words(self, count: int, most_s: float = 5.0) -> None:
        """Wait until it has logged `count` more lines: it logs each commit."""
        begun, until = self._said_lines(), time.monotonic() + most_s
        while self.running and self._said_lines() < begun + count and time.monotonic() < until:
            time.sleep(0.001)

    def kill(self) -> None:
        """End it between two of its instructions."""
        self._at_any_instant()
        self._signal(signal.SIGKILL, "killed")
        self._ended()

    def stop(self) -> None:
        """Ask it to end, and see that it does so with code 0."""
        self._at_any_instant()
        if self.running:
            begun = time.monotonic()
            os.kill(self._pid, signal.SIGTERM)
            code = self._ended()
            assert code in (0, -signal.SIGTERM), f"SIGTERM: ended with {code}"
            self.survived["stopped"] += 1
            self.slowest_stop_ms = max(self.slowest_stop_ms, round(1000 * (time.monotonic() - begun)))

    def reload(self) -> None:
        self._signal(signal.SIGHUP, "reloaded")

    def starve(self) -> None:
        """Let it have no more memory than it has: some allocation fails."""
        self._at_any_instant()
        if self.running:
            size = int(Path(f"/proc/{self._pid}/statm").read_text().split()[0]) * resource.getpagesize()
            self._limit(resource.RLIMIT_AS, size + self._chance.randrange(4 << 20))
            self._outlive("starved", 1.0)
            self._signal(signal.SIGKILL, "killed")
            self._ended()

    def fill_disk(self) -> None:
        """Let no file grow past some size for a moment, then let it go on, or be started again."""
        self._at_any_instant()
        if self.running:
            sizes = [one.stat().st_size for one in self.state.glob("*") if one.exists()] or [0]
            self._limit(resource.RLIMIT_FSIZE, self._chance.randint(0, max(sizes)))
            self._outlive("disk_full", self._chance.random())
            self._limit(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)

    def save(self) -> None:
        """Copy the state of this instant: what a machine that loses power now has on its disk, at the least."""
        shutil.rmtree(self._saved, ignore_errors=True)
        running = self.running
        if running:
            os.kill(self._pid, signal.SIGSTOP)
            _await_state(self._pid, "T")
        if self.state.exists():
            shutil.copytree(self.state, self._saved, ignore=shutil.ignore_patterns("*-shm", "lock"))
        if running:
            os.kill(self._pid, signal.SIGCONT)

    def forget_saved(self) -> None:
        shutil.rmtree(self._saved, ignore_errors=True)

    def lose_power(self) -> None:
        """End it, and let the state be the one last saved, or the one of now."""
        if not self._saved.exists() or self._chance.random() < 0.3:
            self.save()
        self._signal(signal.SIGKILL, "killed")
        self._ended()
        if self._saved.exists():
            shutil.rmtree(self.state, ignore_errors=True)
            shutil.copytree(self._saved, self.state)
            self.survived["power_lost"] += 1

    def has_read(self, inode: int, size: int) -> bool:
        """Whether the state says that a file was read to `size`."""
        marks = [mark for position in positions(self.state).values() for mark in position["files"]]
        return any(mark["inode"] == inode and mark["offset"] == size for mark in marks)

    def knows(self, logs_count: int) -> bool:
        """Whether the state has lines of each log: before that, a rotation takes what no run has ever met."""
        read = [any(mark["offset"] for mark in position["files"]) for position in positions(self.state).values()]
        return sum(read) >= logs_count

    def _said_lines(self) -> int:
        return self.said.read_bytes().count(b"\n") if self.said.exists() else 0

    def _at_any_instant(self) -> None:
        self.await_words(self._chance.choice((0, 1, 1, 2, 4)))
        time.sleep(self._chance.choice((0.0, 0.001, 0.01, 0.05)) * self._chance.random())

    def _signal(self, number: int, called: str) -> None:
        if self.running:
            os.kill(self._pid, number)
            self.survived[called] += 1

    def _limit(self, what: int, soft: int) -> None:
        if self.running:
            resource.prlimit(self._pid, what, (soft, resource.RLIM_INFINITY))

    def _outlive(self, called: str, most_s: float) -> None:
        until = time.monotonic() + most_s
        while self.running and time.monotonic() < until:
            time.sleep(0.01)
        self.survived[called] += 1

    def _ended(self) -> int | None:
        pid, self._pid = self._pid, None
        return None if pid is None else self._starter.wait(pid)


def positions(state: Path) -> dict:
    """Return where a state's reading is, by log."""
    try:
        with closing(sqlite3.connect(f"file:{state}/state.sqlite?mode=ro", uri=True)) as database:
            row = database.execute("SELECT body FROM snapshot WHERE name = 'reader.positions'").fetchone()
    except sqlite3.OperationalError:  # not there yet, or being restored
        return {}
    return json.loads(row[0]) if row else {}


def _is_over(pid: int) -> bool:
    return _state(pid) in ("Z", "X", "")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _await_state(pid: int, wanted: str) -> None:
    until = time.monotonic() + 5
    while _state(pid) not in (wanted, "Z", "X", "") and time.monotonic() < until:
        time.sleep(0.0005)
