"""How a detector stands, on a screen of eighty columns."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from detector.cli import printable
from detector.cli.table import COLOURS, print_table, width
from detector.pipeline.watching.figures import Figures
from detector.pipeline.watching.health import Concern, size, span
from detector.schema import LEVELS

LABEL: Final = 15
"""Columns of what stands before a figure."""

WIDEST: Final = 100


def print_standing(figures: Figures, concerns: Sequence[Concern], now: datetime, *, runs: bool) -> None:
    """Print what is wrong and what to do about it, then the figures. Colours only in a terminal."""
    _print_verdict(figures, concerns, now, runs=runs)
    click.echo()
    for label, text in _rows(figures, now, runs=runs):
        _print_row(label, text)
    if figures.sinks:
        click.echo()
        rows = [
            (one.name, *(f"{count:,}" for count in (one.delivered, one.pending, one.dead_letters, one.faults)))
            for one in figures.sinks
        ]
        print_table(("sink", "delivered", "waiting", "refused", "faults"), rows)
    for one in figures.sinks:
        if one.last_fault and one.pending:
            _print_row("", printable(f"{one.name}: {one.last_fault} ({one.last_fault_at})"))
    for text in figures.warnings:
        click.echo()
        _print_row("warning", printable(text), colour="yellow")


def _print_verdict(figures: Figures, concerns: Sequence[Concern], now: datetime, *, runs: bool) -> None:
    ran_s = max(0.0, (now - figures.began).total_seconds())  # a clock may have been set back since
    since = f"running since {at(figures.began)} ({span(ran_s)}), process {figures.pid}"
    if not concerns:
        click.secho("healthy", fg="green", bold=True, nl=False)
        click.echo(f", {since}")
        return
    click.secho("NOT RUNNING" if not runs else "UNHEALTHY", fg="bright_red", bold=True, nl=False)
    click.echo(f", {since}" if runs else "")
    for one in concerns:
        _print_row(one.code, one.text, colour="bright_red")
        _print_row("", f"-> {one.advice}")


def _rows(figures: Figures, now: datetime, *, runs: bool) -> Iterator[tuple[str, str]]:
    """Yield labels and what is said behind them."""
    rate = f", {figures.lines_per_s:,.0f} a second" if runs else ""
    yield "lines", f"{figures.lines:,}{rate}; {figures.rejected:,} not read, {figures.late:,} late"
    behind = figures.behind
    waits = f"about {behind.lines:,} lines, {size(behind.bytes)}" if behind.bytes else "nothing waits to be read"
    old = f"; what it reads is {span(behind.seconds)} old" if behind.bytes and figures.last_event else ""
    yield "behind", "not known while nothing is read" if figures.unwritten else waits + old
    if figures.held:
        yield "held", f"{figures.held:,} events, for what may come before them (input.max_lateness_s)"
    yield "last event", _ago(figures.last_event, now)
    yield "last commit", _ago(figures.last_commit, now)
    yield "incidents open", _counts(figures.open_incidents) or "none"
    raised: dict[str, int] = {}
    for levels in figures.alerts.values():
        for level, count in levels.items():
            raised[level] = raised.get(level, 0) + count
    yield "alerts raised", _counts(raised) or "none since the start"
    left = f", {size(figures.free_bytes)} left on its disk" if figures.free_bytes is not None else ""
    yield "state", f"{size(figures.state_bytes)}{left}; {size(figures.outbox_bytes)} of alerts kept"
    held = f"{figures.accounts_in_memory:,} accounts in it; {figures.open_fds} files open"
    yield "memory", f"{size(figures.rss_bytes)}, {held}"
    if figures.faults:
        yield "faults", ", ".join(f"{name} {count:,}" for name, count in sorted(figures.faults.items()))


def _counts(counts: Mapping[str, int]) -> str:
    told = [(level, counts[level]) for level in reversed(LEVELS) if counts.get(level)]
    return ", ".join(click.style(f"{count:,} {level}", fg=COLOURS.get(level)) for level, count in told)


def _print_row(label: str, text: str, colour: str | None = None) -> None:
    wide = min(width(), WIDEST) - LABEL - 1
    first, *rest = textwrap.wrap(text, wide, break_on_hyphens=False) if len(click.unstyle(text)) > wide else [text]
    click.echo(click.style(f"{label:<{LABEL}}", fg=colour or "bright_black") + " " + first)
    for line in rest:
        click.echo(" " * (LABEL + 1) + line)


def at(moment: datetime) -> str:
    """Write a moment as people read it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "none"
    ago_s = (now - moment).total_seconds()
    return f"{at(moment)}, " + (f"{span(ago_s)} ago" if ago_s >= 0 else f"{span(-ago_s)} ahead of this clock")
