"""A finding in sentences and rows, for people. All words of it are here."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from detector.inquire.scope.finding import Finding, Gap, Source

HEADERS: Final = ("whose", "account", "address", "country", "network", "client", "first", "last", "requests", "records",
                  "persons")  # fmt: skip
LEFT: Final = 8
"""Columns of text."""

MOST: Final = 25
"""Rows of a kind that are shown on a screen; all are in the JSON."""


def sentences(finding: Finding, zone: ZoneInfo) -> Iterator[str]:
    """Yield what was found, the figure first."""
    subjects = finding.subjects
    if finding.first is None or finding.last is None:
        yield "No request of what was asked for is in the archives."
    else:
        least = "at least " if subjects.lower_bound else ""
        yield (
            f"{least}{_persons(subjects.count)} displayed in all, by {finding.requests.total:,} requests from"
            f" {_at(finding.first, zone)} to {_at(finding.last, zone)}".capitalize()
        )
        yield f"  to the attacker:   {_persons(subjects.attacker_count)}{_both(subjects.both_count)}"
        yield f"  undecided:         {_persons(subjects.undecided_count)}{_most(finding)}"
        yield f"  to the account's owner: {_persons(subjects.owner_count)}"
    if finding.categories:
        yield "Categories of data displayed, with persons (owner's own work aside):"
        yield from (f"  {name}: {count:,}" for name, count in finding.categories.items())
    yield from _others(finding)
    yield from _gaps(finding.gaps, zone)


def rows(finding: Finding, zone: ZoneInfo) -> list[list[str]]:
    """Return the sources as rows under `HEADERS`, the attacker's first."""
    return [_row(one, zone) for one in finding.sources[:MOST]]


def reasons(finding: Finding) -> Iterator[str]:
    """Yield why sources are counted as the attacker's, or as undecided."""
    seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for one in finding.sources:
        if one.whose != "owner":
            seen[one.whose, one.reasons] = seen.get((one.whose, one.reasons), 0) + 1
    for (whose, why), count in list(seen.items())[:MOST]:
        yield f"{whose} ({count:,} {'source' if count == 1 else 'sources'}): {'; '.join(why) or 'nothing tells'}"
    if len(finding.sources) > MOST:
        yield f"... and {len(finding.sources) - MOST:,} more sources in -o json"


def _row(one: Source, zone: ZoneInfo) -> list[str]:
    network = " ".join(part for part in (one.network, one.network_kind) if part) or "-"
    figures = [f"{count:,}" for count in (one.requests, one.records, one.subjects)]
    texts = (one.whose, one.account or "-", one.ip or "-", one.country or "-", network, one.client or "-")
    return [*texts, _at(one.first, zone), _at(one.last, zone), *figures]


def _others(finding: Finding) -> Iterator[str]:
    if finding.others is None:
        return
    yield f"Other accounts that saw the same persons: {len(finding.others):,}"
    yield from (f"  {one.account}: {_persons(one.subjects)}" for one in finding.others[:MOST])


def _gaps(gaps: tuple[Gap, ...], zone: ZoneInfo) -> Iterator[str]:
    if not gaps:
        yield "No gap was found in the archives."
        return
    yield f"A lower bound: the archives have {len(gaps):,} {'gap' if len(gaps) == 1 else 'gaps'}:"
    for gap in gaps[:MOST]:
        span = " to ".join(_at(time, zone) for time in (gap.start, gap.end) if time is not None)
        yield "  " + ": ".join(part for part in (gap.archive, span, gap.text) if part)


def _most(finding: Finding) -> str:
    count = finding.subjects.undecided_count
    most = finding.subjects.attacker_count + count
    return f" more, so that the attacker saw {most:,} at most" if count else ""


def _both(count: int) -> str:
    return f", {count:,} of them to the owner too" if count else ""


def _persons(count: int) -> str:
    return f"{count:,} insured {'person' if count == 1 else 'persons'}"


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
