"""Inject faults into the real command while a writer rotates its logs; compare with an undisturbed batch.

`python -m tests.live.faults 300` runs so many seeds, two at a time, and prints how many faults were survived.
What the seed decides: how lines come (in order, shuffled, some too late), in how many logs, of which style, in which
pieces, when and how each is rotated, and what befalls the detector. When it befalls it, the machine decides.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from detector import config
from detector.checkpoint import Checkpoint
from detector.collect.order import Sequencer
from detector.context.intake import Intake
from detector.emit.sinks.file import FileSink
from detector.lab.simulate import simulate
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch
from tests.live.runs import Detector, Exec, Zygote
from tests.live.writer import STYLES, Log

ATTACKS = ("smash_and_grab", "swarm", "stuffing", "test_then_scrape")
ORDERS = ("in_order", "shuffled", "late")
LATENESS_S = 10.0
STEPS = 45
FIRST_LINES = 60
"""Written before the first look, some to each log: a log that never had a line is not waited for, and here the lines
that it gets a second later are those of an hour."""

SLOWEST = "slowest stop, ms"
MOST_FAULTS = 10
"""That befall the detector in a seed: each start takes a second or two."""

FATES = ("kill", "kill", "kill", "stop", "lose_power", "starve", "fill_disk", "reload", "save")


@dataclass(frozen=True, slots=True)
class Portal:
    """A simulated portal's lines in three orders, and the ids of the alerts that a batch raises on them."""

    folder: Path

    @classmethod
    def simulated(cls, folder: Path) -> "Portal":
        simulate(folder, seed=77, accounts=12, days=3, attacks=ATTACKS, size=0.05)
        return cls(folder)

    def lines(self, order: str) -> list[bytes]:
        lines = (self.folder / "access.log").read_bytes().splitlines(keepends=True)
        chance = random.Random(order)
        if order == "in_order":
            return lines
        if order == "shuffled":  # by seconds; each is at most the lateness behind its neighbours
            stamped = enumerate(_seconds(lines))
            return [
                lines[at]
                for _, at in sorted((second + chance.uniform(0, LATENESS_S - 1), at) for at, second in stamped)
            ]
        late = (chance.choice((15, 120, 3600, 40_000)) if chance.random() < 0.03 else 0 for _ in lines)
        come = sorted((second + more, at) for (at, second), more in zip(enumerate(_seconds(lines)), late, strict=True))
        return [lines[at] for _, at in come]

    def parted(self, order: str, logs: int) -> list[tuple[int, bytes]]:
        """Deal the lines out to logs. Shapes: a pair of log and line for each, in the order written."""
        chance = random.Random(logs)
        return [(chance.randrange(logs), line) for line in self.lines(order)]

    def settings(self, folder: Path, **state: int) -> Path:
        """Write a configuration for one run and return its path."""
        told = (self.folder / "detector.yml").read_text().replace("accounts.csv", str(self.folder / "accounts.csv"))
        # event time runs a thousand times as fast as the clock here: no log is quiet for as long as it seems
        reading = f"input:\n  max_idle_s: 1.0e+9\n  max_lateness_s: {LATENESS_S}\n"
        if chunk := state.pop("chunk_bytes", None):
            reading += f"  chunk_bytes: {chunk}\n"
        told = told.replace("input:\n", reading) + "incidents:\n  quiet_h: 5\nrules:\n  min_level: low\n"
        told += "state:\n" + "".join(f"  {name}: {value}\n" for name, value in state.items()) if state else ""
        path = folder / "detector.yml"
        path.write_text(told)
        return path

    def expected(self, order: str, logs: int) -> dict[str, str]:
        """Return the alerts of an undisturbed batch: id and message."""
        alerts = self.folder / f"expected-{order}-{logs}.jsonl"
        if not alerts.exists():
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            for log in range(logs):
                name, parted = f"log{log}.log", self.parted(order, logs)
                (folder / name).write_bytes(b"".join(line for at, line in parted if at == log))
            sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
            paths = sorted(folder.glob("*.log"))
            batch(Pipeline(config.load(self.settings(folder)), sinks=[sink]), paths)
            sink.close()
            (folder / "alerts.jsonl").rename(alerts)
        return told(alerts)


def told(alerts: Path) -> dict[str, str]:
    """Return the alerts of a file: id and message."""
    lines = map(json.loads, alerts.read_bytes().splitlines()) if alerts.exists() else ()
    return {
        one["event"]["id"]: f"{one['@timestamp']} {one['portal']['incident']['state']} {one['message']}"
        for one in lines
    }


class Ordeal:
    """One seed: logs that are written and rotated while the detector is killed and started again."""

    def __init__(self, portal: Portal, seed: int, folder: Path, starter, steps: int) -> None:
        self.chance = chance = random.Random(seed)
        self.order, logs = chance.choice(ORDERS), chance.choice((1, 1, 2, 3))
        self.portal, self.steps, self.survived = portal, steps, Counter[str]()
        self.lines = portal.parted(self.order, logs)
        self.logs = [Log(folder / f"log{n}", f"log{n}", chance.choice(STYLES), chance, self.pause) for n in range(logs)]
        settings = portal.settings(
            folder,
            chunk_bytes=chance.choice((5_000, 50_000, 300_000)),
            snapshot_every_bytes=chance.choice((1_000, 100_000, 10_000_000)),
        )
        self.detector = Detector(starter, folder, [log.path for log in self.logs], settings, chance)
        self._at, self._halves, self._met = 0, [b""] * logs, False

    def run(self) -> None:
        """Do what the seed says, write all lines, and let the detector end."""
        self.write(FIRST_LINES, whole=True)
        self.detector.start()
        for _ in range(self.steps):
            self.write(self.chance.randrange(2 * len(self.lines) // self.steps))
            self.chance.choice((self.pause, self.rotate, self.befall, self.detector.start))()
        self.write(len(self.lines), whole=True)
        self.chance.choice((self.detector.kill, self.detector.stop))()
        for log in self.logs:
            log.close()
        code = self.detector.finish()
        assert code == 0, f"ended with {code}"
        self.survived += self.detector.survived

    def write(self, count: int, *, whole: bool = False) -> None:
        """Write the next lines, each to its log; the last of them half, unless `whole`."""
        for log, line in self.lines[self._at : self._at + count]:
            self._add(log, line)
        self._at += count
        if not whole and self._at < len(self.lines):
            log, line = self.lines[self._at]
            cut = self.chance.choice((0, self.chance.randrange(len(line))))
            if cut:
                self._add(log, line[:cut])
                self.lines[self._at] = (log, line[cut:])
        self._flush()

    def _add(self, log: int, data: bytes) -> None:
        self._halves[log] += data

    def _flush(self) -> None:
        for log, data in zip(self.logs, self._halves, strict=True):
            log.write(data)
        self._halves = [b""] * len(self.logs)

    def pause(self) -> None:
        """Let the detector do something, or not."""
        self.chance.choice((lambda: None, lambda: self.detector.await_words(1, 1.0)))()

    def rotate(self) -> None:
        """Rotate a log in one of its ways."""
        log = self.chance.choice(self.logs)
        if not self._known():
            return None
        if not log.amid_line and log.style != "dated" and self.chance.random() < 0.2:
            return self._truncate(log)
        way = self.chance.choice(log.ways())
        getattr(log, way)(lambda: self.write(self.chance.randrange(1, 20), whole=True))
        self.survived[f"rotated: {way}"] += 1
        return None

    def _truncate(self, log: Log) -> None:
        """Cut a log to nothing once the state says that it was read."""
        self.detector.start()
        for _ in range(20):
            if self.detector.has_read(*log.live):
                log.truncate()
                self.detector.forget_saved()
                self.survived["rotated: truncate"] += 1
                return
            self.detector.await_words(1, 0.5)

    def _known(self) -> bool:
        """Whether the detector has met all logs; where not, let it. None is waited for of which no line is known."""
        self.detector.start()
        for _ in range(40):
            self._met = self._met or self.detector.knows(len(self.logs))
            if self._met:
                return True
            self.detector.await_words(1, 0.5)
        return False

    def befall(self) -> None:
        """Let something happen to the detector."""
        fate = self.chance.choice(FATES)
        if fate in ("save", "lose_power") and not self._known():
            return
        if self.detector.survived.total() < MOST_FAULTS or fate in ("save", "reload"):
            self.detector.start()
            getattr(self.detector, fate)()

    def differences(self) -> list[str]:
        """Say which alerts of the batch were not delivered, which others were, and how many lines were lost."""
        expected = self.portal.expected(self.order, len(self.logs))
        found, all_lines = told(self.detector.alerts), len(self.portal.lines(self.order))
        missing = [f"missing: {key} {expected[key]}" for key in expected.keys() - found.keys()]
        extra = [f"too many: {key} {found[key]}" for key in found.keys() - expected.keys()]
        read = counted(self.detector.state)
        return [*missing, *extra, *([f"{read} of {all_lines} lines"] if read != all_lines else [])]


def run_seed(portal: Portal, seed: int, starter, *, steps: int = STEPS, kept: Path | None = None) -> Counter[str]:
    """Run one seed and return what was survived. Raises: AssertionError with every difference.

    `kept`: where the folder of a seed that fails stays.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"seed{seed}-", dir=kept))
    try:
        ordeal = Ordeal(portal, seed, folder, starter, steps)
        ordeal.run()
        differences = ordeal.differences()
        survived = dict(ordeal.survived)
        story = f"seed {seed}: {ordeal.order}, {[log.style for log in ordeal.logs]}, {survived}, in {folder}"
        assert not differences, "\n".join([story, *differences[:20]])
    except BaseException:
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)
    return ordeal.survived | Counter({SLOWEST: ordeal.detector.slowest_stop_ms})


def counted(state: Path) -> int:
    """Return how many lines a state knows of: those released, those rejected, those held."""
    checkpoint = Checkpoint(state)
    saved = checkpoint.load().snapshot
    checkpoint.close()
    intake, sequencer = Intake(), Sequencer(LATENESS_S)
    intake.restore(saved)
    sequencer.restore(saved)
    return sum(events + rejects for events, rejects, _ in intake.days.values()) + sequencer.held_count


def _seconds(lines: list[bytes]) -> list[int]:
    """Give each line's second of the month; the portal's three days lie in one."""
    stamps = (line.split(b"[", 1)[1][:20].decode() for line in lines)
    return [int(at[:2]) * 86_400 + int(at[12:14]) * 3600 + int(at[15:17]) * 60 + int(at[18:20]) for at in stamps]


def _one(portal: Portal, seed: int, kept: Path) -> tuple[int, Counter[str], str]:
    starter = Exec() if seed % 10 == 0 else Zygote()
    try:
        return seed, run_seed(portal, seed, starter, kept=kept), ""
    except AssertionError as fault:
        return seed, Counter(), str(fault)
    finally:
        starter.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args(arguments)
    kept = Path(tempfile.mkdtemp(prefix="detector-faults-"))
    survived, failed, slowest_ms = Counter[str](), 0, 0
    portal = Portal.simulated(kept / "portal")
    for order in ORDERS:
        for logs in (1, 2, 3):
            print(order, logs, len(portal.expected(order, logs)), "alerts", flush=True)
    with ProcessPoolExecutor(asked.jobs, get_context("spawn")) as pool:
        runs = [pool.submit(_one, portal, seed, kept) for seed in range(asked.first, asked.first + asked.seeds)]
        for run in runs:
            seed, went_through, fault = run.result()
            slowest_ms = max(slowest_ms, went_through.pop(SLOWEST, 0))
            survived += went_through
            failed += bool(fault)
            print(fault or f"seed {seed}: {went_through.total()} faults survived", flush=True)
    for what, count in sorted(survived.items()):
        print(f"{count:8,} {what}")
    print(f"{survived.total():8,} in all; the slowest stop took {slowest_ms} ms")
    print(f"{asked.seeds - failed} of {asked.seeds} seeds without a difference; {kept}")
    return bool(failed)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    sys.exit(main())
