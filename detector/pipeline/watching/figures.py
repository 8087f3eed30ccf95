"""The figures of a detector that runs, as one plain record: for Prometheus, for `/health`, for `detector status`."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from detector import VERSION
from detector.clock import rfc3339
from detector.pipeline.watching.lag import Behind
from detector.telemetry import peak_rss_bytes

MOST_REASONS: Final = 30
"""Reasons of rejects told apart; a log that is not one must not make a series of figures a line."""

OTHER: Final = "other"

_NUMBER: Final = re.compile(r"[0-9][0-9.,]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStanding:
    """One sink. `delivered`, `dropped` since it is known; `faults`, `retries` of this run.

    `stuck_s`: for how long it took none of what waits for it; 0 where nothing waits.
    """

    name: str
    pending: int
    dead_letters: int
    delivered: int
    dropped: int
    faults: int
    retries: int
    stuck_s: float
    last_fault: str | None
    last_fault_at: str | None

    @property
    def label(self) -> str:
        """Its name without the folder of a file: that is nobody's business who asks over HTTP."""
        kind, _, place = self.name.partition(":")
        return f"{kind}:{os.path.basename(place)}" if place.startswith("/") else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a detector says of itself. Counts are of this run; `lines_per_s` is of the last minute.

    `alerts` counts by rule, then by level; `turns` counts incidents opened, escalated and closed. `silent_since` is
    when the last line came, while it is longer ago than it ever is at such hours. `held` events wait for what may come
    before them; `late_share` is of the last `FEW_EVENTS` or more, 0 before there were as many. `unwritten` is why the
    state cannot be written, and so nothing is read.
    """

    version: str = VERSION
    pid: int
    began: datetime
    written: datetime
    ended: bool = False
    lines: int = 0
    events: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    late: int = 0
    late_share: float = 0.0
    held: int = 0
    read_bytes: int = 0
    lines_per_s: float = 0.0
    behind: Behind = field(default_factory=Behind)
    refused: int = 0
    reload_faults: int = 0
    unwritten: str | None = None
    last_event: datetime | None = None
    last_commit: datetime | None = None
    silent_since: datetime | None = None
    alerts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)
    open_incidents: Mapping[str, int] = field(default_factory=dict)
    sinks: Sequence[SinkStanding] = ()
    outbox_bytes: int = 0
    outbox_full: bool = False
    state_bytes: int = 0
    free_bytes: int | None = None
    accounts_in_memory: int = 0
    evicted: Mapping[str, int] = field(default_factory=dict)
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    rss_bytes: int = 0
    open_fds: int = 0

    @property
    def halt(self) -> str | None:
        """Why nothing is read, if nothing is."""
        return self.unwritten and f"the state cannot be written ({self.unwritten}): nothing is read until it can"

    @property
    def rejected(self) -> int:
        """Lines that could not be read."""
        return sum(self.rejects.values())

    def as_json(self) -> str:
        """Write the figures, read back by `from_json`."""
        return json.dumps(asdict(self), default=rfc3339, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` wrote. Raises: ValueError, KeyError, TypeError for what it did not."""
        tree: dict[str, Any] = json.loads(text)
        for name in ("began", "written", "last_event", "last_commit", "silent_since"):
            tree[name] = tree[name] and datetime.fromisoformat(tree[name])
        tree["behind"] = Behind(**tree["behind"])
        tree["sinks"] = tuple(SinkStanding(**one) for one in tree["sinks"])
        tree["warnings"] = tuple(tree["warnings"])
        return cls(**tree)


def sentence(figures: Figures) -> str:
    """Say how it goes in one line, as a service manager shows it."""
    behind = figures.behind
    if figures.halt:
        return figures.halt
    parts = [f"{figures.lines_per_s:,.0f} lines/s"]
    if behind.bytes:
        parts.append(f"{behind.lines:,} lines behind")
    if figures.last_event is not None:
        parts.append(f"last event {rfc3339(figures.last_event)}")
    opened = sum(figures.open_incidents.values())
    parts.append(f"{opened:,} {'incident' if opened == 1 else 'incidents'} open")
    if waiting := sum(one.pending for one in figures.sinks):
        parts.append(f"{waiting:,} alerts wait for a sink")
    return ", ".join(parts)


def bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the greatest counts by name, numbers in names taken for one, and the rest of them as `other`."""
    alike: Counter[str] = Counter()
    for name, count in counts.items():
        alike[_NUMBER.sub("#", name)] += count
    ranked = sorted(alike.items(), key=lambda one: (-one[1], one[0]))
    rest = sum(count for _, count in ranked[MOST_REASONS:])
    kept = dict(ranked[:MOST_REASONS])
    return kept | ({OTHER: kept.get(OTHER, 0) + rest} if rest else {})


def size_bytes(folder: Path) -> int:
    """Return what the files under a folder take; those that go meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total


def is_read_only(folder: Path) -> bool:
    """Whether the file system of `folder` takes no writes at all."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def free_bytes(folder: Path) -> int | None:
    """Return how much may still be written where `folder` is; None where nobody says."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def rss_bytes() -> int:
    """Return the memory that this process holds now; at most, where the system only tells that."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return peak_rss_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_fds() -> int:
    """Return how many files this process has open; 0 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
