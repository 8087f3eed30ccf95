"""Judge by its figures whether a detector is well: the same for `/health`, for Prometheus and for `detector status`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from detector.clock import rfc3339
from detector.config import Health
from detector.pipeline.watching.figures import Figures

CODES: Final = (
    *("stalled", "behind", "silent", "refused", "unwritten", "clock", "late", "reload", "sink", "outbox", "disk"),
)
"""All there may be to be concerned about."""

AHEAD_S: Final = 300.0
"""So far no server's clock is ahead of this machine's unless one of them is wrong."""

MUCH_LATE: Final = 0.5
"""More of what came last being late, models judge next to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One reason why a detector is not well: a name for machines, a sentence for people, and what to do."""

    code: str
    text: str
    advice: str


def concerns(figures: Figures, now: datetime, still_s: float, limits: Health) -> list[Concern]:
    """Return why a detector is not well; nothing where it is. `still_s`: since its loop has turned."""
    found = []
    behind = figures.behind
    if still_s > limits.stalled_s:
        found.append(
            Concern(
                code="stalled",
                text=f"no turn of the loop for {span(still_s)}",
                advice="see what its log says last, and whether the disk of the state takes anything; else restart it:"
                " what was committed is kept, the rest is read again",
            )
        )
    if behind.bytes and behind.seconds > limits.behind_s:
        found.append(
            Concern(
                code="behind",
                text=f"behind by about {behind.lines:,} lines ({size(behind.bytes)}): what it reads is"
                f" {span(behind.seconds)} old",
                advice="wait while lines/s is above what is written; else give it a faster disk or another core",
            )
        )
    if figures.silent_since is not None:
        found.append(
            Concern(
                code="silent",
                text=f"no line since {rfc3339(figures.silent_since)},"
                f" {span((now - figures.silent_since).total_seconds())} ago, at an hour when there always are some",
                advice="see whether the portal answers, whether its server still logs, and where to",
            )
        )
    if figures.refused:
        found.append(
            Concern(
                code="refused",
                text=f"{figures.refused:,} {'log' if figures.refused == 1 else 'logs'} cannot be opened",
                advice="give the detector's user the right to read them (group adm, setfacl)",
            )
        )
    if figures.halt:
        found.append(
            Concern(
                code="unwritten",
                text=figures.halt,
                advice="make room on its disk, or let it be written; reading goes on by itself, and nothing is lost",
            )
        )
    return found + _judgement(figures, now) + _output(figures, limits)


def _judgement(figures: Figures, now: datetime) -> list[Concern]:
    found = []
    ahead_s = 0.0 if figures.last_event is None else (figures.last_event - now).total_seconds()
    if ahead_s > AHEAD_S:
        found.append(
            Concern(
                code="clock",
                text=f"the last event is {span(ahead_s)} ahead of this machine's clock: what is written until then is"
                " late, and waits to be judged",
                advice="set right the clock of the server that wrote it, or this machine's",
            )
        )
    if figures.late_share > MUCH_LATE:
        found.append(
            Concern(
                code="late",
                text=f"{figures.late_share:.0%} of the last events came too late for their time: rules search them,"
                " models do not judge them",
                advice="a server's clock ran ahead, or lines are further out of order than `input.max_lateness_s`",
            )
        )
    if figures.reload_faults:
        found.append(
            Concern(
                code="reload",
                text="the last reload was refused"
                f" ({figures.reload_faults} {'fault' if figures.reload_faults == 1 else 'faults'}): the former"
                " configuration and rules stay in force",
                advice="mend what `detector check` names, and reload again",
            )
        )
    return found


def _output(figures: Figures, limits: Health) -> list[Concern]:
    found = [
        Concern(
            code="sink",
            text=f"{one.label} took none of {one.pending:,} waiting alerts for {span(one.stuck_s)}",
            advice="mend the receiver; nothing is lost, all is delivered when it is back (`detector outbox list`)",
        )
        for one in figures.sinks
        if one.stuck_s > limits.sink_s
    ]
    if figures.outbox_full:
        found.append(
            Concern(
                code="outbox",
                text="the outbox is full: nothing more is read until there is room",
                advice="mend the sink that is down, or `detector outbox drop --pending`",
            )
        )
    if figures.free_bytes is not None and figures.free_bytes < limits.least_free_bytes:
        found.append(
            Concern(
                code="disk",
                text=f"{size(figures.free_bytes)} left on the disk of the state",
                advice="make room: what cannot be committed is read again later",
            )
        )
    return found


def span(seconds: float) -> str:
    """Write a span in the unit that fits."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def size(count: float) -> str:
    """Write a number of bytes in the unit that fits."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count:,.0f} bytes"
