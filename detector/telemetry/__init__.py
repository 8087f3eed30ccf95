"""Count what a run does, warn loudly where its result may mislead, and log without personal data."""

import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import asdict, dataclass
from datetime import datetime
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import polars as pl

from detector import VERSION, clock
from detector.schema import ACTIONS, LATE, LEVELS, REJECT
from detector.telemetry.entries import KeyValue, log, log_to_stderr

__all__ = [
    "KeyValue",
    "Read",
    "SinkFigures",
    "Telemetry",
    "Told",
    "Warned",
    "log",
    "log_to_stderr",
    "peak_rss_bytes",
]

MAX_ACCOUNTS_COUNTED: Final = 1_000_000
"""Distinct accounts a run counts exactly; forged names must not fill the memory."""

RELOADS: Final = {"taken": "reloads", "refused": "reloads_refused"}
"""What is counted of each outcome of a reload."""

_OF_LINES: Final = (
    *("events", "rejects", "late", "skipped", "bytes", "read_bytes", "first_event", "last_event"),
    *("rejects_by_reason", "late_by_log", "actions"),
)
"""What is counted of lines."""

FEW_EVENTS: Final = 100
"""Below this a share of rejects or a single address says nothing."""


class Read(Protocol):
    """What telemetry asks of a step of reading; `collect.reader.Collected` says what each is."""

    @property
    def events(self) -> pl.DataFrame: ...  # noqa: D102  # as the class says
    @property
    def rejects(self) -> pl.DataFrame: ...  # noqa: D102
    @property
    def skipped(self) -> int: ...  # noqa: D102
    @property
    def size_bytes(self) -> int: ...  # noqa: D102
    @property
    def stored_bytes(self) -> int: ...  # noqa: D102
    @property
    def formats(self) -> Mapping[str, tuple[str, str]]: ...  # noqa: D102
    @property
    def seconds(self) -> Mapping[str, float]: ...  # noqa: D102


class Told(Protocol):
    """What telemetry asks of an alert."""

    @property
    def id(self) -> str:
        """Its deterministic identifier."""

    @property
    def level(self) -> str:
        """Its level, one of LEVELS."""

    @property
    def rule_id(self) -> str:
        """The rule or model that raised it."""

    @property
    def state(self) -> str:
        """`opened`, `escalated` or `closed`."""


@dataclass(frozen=True, slots=True)
class Warned:
    """One loud warning: a name for machines, a sentence for people."""

    code: str
    text: str


@dataclass(slots=True)
class SinkFigures:
    """What one sink did in this run. Only its own thread writes, but for `pending` and `dropped`."""

    name: str
    delivered: int = 0
    retries: int = 0
    """Alerts that were sent back and tried again."""
    faults: int = 0
    dead_letters: int = 0
    dropped: int = 0
    """Alerts it never got, for want of room, as its configuration allows."""
    pending: int = 0
    """Alerts that wait for it at the end of the run."""
    seconds: float = 0.0
    last_fault: str | None = None


class Telemetry:
    """The figures of one run. Everything adds up: `lines == events + rejects`."""

    def __init__(self, rejects_to: BinaryIO | None = None) -> None:
        self._began = clock.monotonic_s()
        self.rejects_to = rejects_to
        self.beat: Callable[[], None] = lambda: None
        """Called at the beginning of every stage: what must hear that the run goes on."""
        self._accounts: set[int] = set()
        self._addresses: set[str] = set()
        self.events = self.rejects = self.late = self.bytes = self.bytes_total = self.skipped = 0
        self.read_bytes = 0
        self.first_event: datetime | None = None
        self.last_event: datetime | None = None
        self.rejects_by_reason: Counter[str] = Counter()
        self.late_by_log: Counter[str] = Counter()
        self.alerts: Counter[str] = Counter()
        self.alerts_by_rule: Counter[tuple[str, str]] = Counter()
        self.incidents: Counter[str] = Counter()
        self.seconds_by_stage: defaultdict[str, float] = defaultdict(float)
        self.counts: Counter[str] = Counter()
        self.reload_faults = 0
        """For which the last reload was refused; 0 where it was taken."""
        self.unwritten: str | None = None
        """Why the state cannot be written, while it cannot."""
        self.muted: dict[str, dict[str, Any]] = {}
        self.actions: Counter[str] = Counter()
        self.formats: dict[str, tuple[str, str]] = {}
        self.warnings: dict[str, Warned] = {}
        self.faults: Counter[str] = Counter()
        self.sinks: list[SinkFigures] = []
        self.mark()

    def mark(self) -> None:
        """Note what was counted of lines: it is committed. What comes after may have to be read again."""
        self._marked = {name: copy(getattr(self, name)) for name in _OF_LINES}
        self._marked_rejects = self.rejects_to.tell() if self.rejects_to and self.rejects_to.seekable() else None

    def fall_back(self) -> None:
        """Go back to the last mark: what came after it is dropped, and is read, counted and written again."""
        for name, value in self._marked.items():
            setattr(self, name, copy(value))
        if self.rejects_to is not None and self._marked_rejects is not None:
            with suppress(OSError):  # then they stand there twice
                self.rejects_to.truncate(self._marked_rejects)
                self.rejects_to.seek(0, SEEK_END)

    @property
    def lines(self) -> int:
        """Lines read so far."""
        return self.events + self.rejects

    @property
    def accounts(self) -> int:
        """Distinct accounts seen, exact up to MAX_ACCOUNTS_COUNTED."""
        return len(self._accounts)

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return clock.monotonic_s() - self._began

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to the stage `name`."""
        self.beat()
        began = clock.monotonic_s()
        try:
            yield
        finally:
            self.seconds_by_stage[name] += clock.monotonic_s() - began

    def observe_read(self, got: Read) -> None:
        """Count all that a step of reading gave."""
        for stream, (name, why) in got.formats.items():
            self.observe_format(stream, name, why)
        self.observe_events(got.events)
        self.observe_rejects(got.rejects)
        self.skipped += got.skipped
        self.read_bytes += got.size_bytes
        for stage, spent in got.seconds.items():
            self.seconds_by_stage[stage] += spent
        self.bytes = max(self.bytes, got.stored_bytes)

    def observe_format(self, stream: str, name: str, why: str) -> None:
        """Note the format that a log is read in, and why."""
        self.formats[stream] = (name, why)
        log.info("format taken", extra={"format": name, "why": why, "stream": stream})

    def observe_events(self, events: pl.DataFrame) -> None:
        """Count events. Shapes: RAW or EVENT, any rows."""
        if events.is_empty():
            return
        self.events += events.height
        first, last = events.select(first=pl.col("@timestamp").min(), last=pl.col("@timestamp").max()).row(0)
        self.first_event = first if self.first_event is None else min(first, self.first_event)
        self.last_event = last if self.last_event is None else max(last, self.last_event)
        if LATE in events.columns and events[LATE].any():
            late = dict(events.filter(LATE)["log.file.path"].value_counts().iter_rows())
            self.late += sum(late.values())
            self.late_by_log.update(late)
        if len(self._accounts) < MAX_ACCOUNTS_COUNTED:
            self._accounts.update(events["user.name"].unique().drop_nulls().hash(seed=0))
        log.debug("events", extra={"count": events.height, "first": clock.rfc3339(first), "last": clock.rfc3339(last)})
        if "portal.action" in events.columns:
            self.actions.update(dict(events["portal.action"].value_counts().drop_nulls().iter_rows()))
        if len(self._addresses) < 2:
            self._addresses.update(events["source.ip"].unique().drop_nulls().head(2))

    def observe_rejects(self, rejects: pl.DataFrame) -> None:
        """Count rejects and write them to the file of rejects, if there is one. Shapes: REJECT, any rows."""
        if rejects.is_empty():
            return
        self.rejects += rejects.height
        for reason, count in rejects["reason"].value_counts().iter_rows():
            self.rejects_by_reason[reason] += count
            log.debug("rejects", extra={"count": count, "reason": reason})
        if self.rejects_to is not None:
            body = rejects.select(list(REJECT)).write_ndjson().encode()
            try:
                self.rejects_to.write(body)
                self.rejects_to.flush()
            except OSError as fault:  # a full disk: they are counted, and detection goes on
                self.counts["rejects_unwritten"] += rejects.height
                self.fault("rejects", f"not written: {fault.strerror}")

    def close(self) -> None:
        """Close the file of rejects."""
        if self.rejects_to is not None:
            with suppress(OSError):  # what could not be written was told
                self.rejects_to.close()

    def observe_muted(self, counts: Mapping[str, int], latest: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Note what filters and allow-lists kept from rules, by their names: how many events, and the last of them."""
        self.muted = {reason: {"events": count, "latest": [*latest[reason]]} for reason, count in counts.items()}

    def observe_alerts(self, alerts: Sequence[Told]) -> None:
        """Count alerts by level and rule, and the turns of incidents."""
        for alert in alerts:
            self.alerts[alert.level] += 1
            self.alerts_by_rule[alert.rule_id, alert.level] += 1
            self.incidents[alert.state] += 1
            log.debug("alert", extra={"id": alert.id, "severity": alert.level, "state": alert.state})

    def warn(self, code: str, text: str) -> None:
        """Say, once a run, what may make its result misleading. `text` holds no personal data."""
        if code not in self.warnings:
            self.warnings[code] = Warned(code, text)
            log.warning(text, extra={"code": code})

    def fault(self, component: str, text: str) -> None:
        """Count and name a fault of one rule, model or sink that did not stop the rest."""
        self.faults[component] += 1
        self.warn(f"fault:{component}", f"{component}: {text}")

    def settle(self, reject_share_warning: float, least: int = 0) -> None:
        """Look at the run as a whole and warn of what only the whole shows, from `least` lines on.

        Call it at the end; on a run without an end now and then, with a larger `least`.
        """
        if self.lines < least:
            return
        if self.rejects > self.lines * reject_share_warning:
            share, (reason, _) = self.rejects / self.lines, self.rejects_by_reason.most_common(1)[0]
            self.warn(
                "reject_share",
                f"{share:.1%} of the lines could not be read, mostly: {reason}. What they hold was not searched;"
                " `detector parse --rejects FILE` shows where they are.",
            )
        if self.events >= FEW_EVENTS and self.late > self.events * reject_share_warning:
            log_of_most, count = self.late_by_log.most_common(1)[0]
            self.warn(
                "late_share",
                f"{self.late / self.events:.1%} of the events came too late for their time, {count:,} of {self.late:,}"
                f" in {log_of_most}: rules searched them, models did not judge them. A clock ran ahead, there or of"
                " another log, or lines are out of order: see `input.max_lateness_s`.",
            )
        if self.events >= FEW_EVENTS and not sum(self.actions[one] for one in ACTIONS if one != "other"):
            self.warn(
                "no_action",
                "No request was recognised as a log-on, a search, a record view or any other action: say under"
                " `portal.actions` which requests they are, or next to nothing can be detected.",
            )
        if self.events >= FEW_EVENTS and len(self._addresses) == 1:
            self.warn(
                "one_address",
                "Every request has the same address: a proxy stands in front of the portal."
                " Name it under `input.trusted_proxies` and log X-Forwarded-For.",
            )

    def stats(self) -> dict[str, Any]:
        """Return the figures of `--stats`."""
        seconds = self.seconds
        return {
            "version": VERSION,
            "lines": self.lines,
            "events": self.events,
            "rejects": self.rejects,
            "rejects_by_reason": dict(self.rejects_by_reason.most_common()),
            "skipped": self.skipped,
            "late": self.late,
            "alerts": {level: self.alerts[level] for level in LEVELS},
            "incidents": {state: self.incidents[state] for state in ("opened", "escalated", "closed")},
            "accounts": self.accounts,
            "actions": dict(self.actions.most_common()),
            "bytes": self.bytes,
            "seconds": round(seconds, 3),
            "seconds_by_stage": {name: round(spent, 3) for name, spent in self.seconds_by_stage.items()},
            "lines_per_s": round(self.lines / seconds) if seconds else 0,
            "peak_rss_bytes": peak_rss_bytes(),
            "first_event": self.first_event and clock.rfc3339(self.first_event),
            "last_event": self.last_event and clock.rfc3339(self.last_event),
            "formats": {stream: name for stream, (name, _) in self.formats.items()},
            "counts": dict(self.counts),
            "muted": self.muted,
            "faults": dict(self.faults),
            "sinks": {one.name: {k: v for k, v in asdict(one).items() if k != "name"} for one in self.sinks},
            "warnings": [one.text for one in self.warnings.values()],
        }


def peak_rss_bytes() -> int:
    """Return the most memory this process has held resident.

    Linux keeps in `ru_maxrss` what the parent held before `exec`; VmHWM is of this program alone.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
