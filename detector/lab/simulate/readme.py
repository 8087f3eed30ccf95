"""Describe a simulated log for the person who opens its folder."""

from collections import Counter
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl

from detector.lab.simulate.population import Population
from detector.lab.simulate.professions import PROFESSIONS
from detector.lab.simulate.rhythm import Span
from detector.lab.simulate.upheavals import NEVER, Upheavals


def describe(
    log: str,
    seed: int,
    people: Population,
    span: Span,
    happen: Upheavals,
    unusual: pl.DataFrame,
    summary: list[dict[str, Any]],
    size: float,
) -> str:
    """Return the folder's README.md."""
    professions = Counter(PROFESSIONS[number].name for number in people.profession)
    attacks = [
        f"| {one['attack']} | {one['network']} | {one['hours']} | {_some(one['accounts'])} | {one['start']} "
        f"| {one['end']} | {one['records']} |"
        for one in summary[1:]
    ]
    provenance = (files(__package__) / "provenance.md").read_text("utf-8").rstrip()
    table = "\n".join(
        ["| attack | network | hours | accounts | start | end | records |", "|---|---|---|---|---|---|---|", *attacks]
    )
    return f"""\
# A simulated portal log

Made by `detector simulate` with seed {seed}: {summary[0]["lines"]} lines, {len(people)} accounts, {span.days} days from
{span.dates[0]} on ({summary[0]["active_account_days"]} active account-days). Nobody in it is real: identifiers start
with a digit that is given to nobody, hosts in the networks' address ranges are drawn at random.

Accounts: {", ".join(f"{count} {name}" for name, count in professions.most_common())}.

{_events(span, happen)}

{_unusual(unusual)}

## Attacks (size {size:g})
{table if attacks else "None."}

| file | holds |
|---|---|
| `{log}` | the log |
| `accounts.csv` | the portal's directory of accounts |
| `detector.yml` | a configuration that reads the log as it is |
| `labels.jsonl` | first the log's own line, then one line an attack: accounts, sources, start, end, records |
| `truth.parquet` | every record an attacker read: time, account, identifier, offset of its line |
| `activity.parquet` | every account and local day with work: the base of false alerts per account-day |
| `unusual.csv` | accounts whose honest work is out of the ordinary: of what kind, from when to when |

## What is a fact here and what an assumption

{provenance}

`detector batch --config detector.yml {log} --alerts alerts.jsonl && detector evaluate labels.jsonl alerts.jsonl`
"""


def _unusual(unusual: pl.DataFrame) -> str:
    if unusual.is_empty():
        return "Nobody's honest work is out of the ordinary."
    counts = unusual.group_by("kind", maintain_order=True).len().iter_rows()
    told = ", ".join(f"{count} {kind}" for kind, count in counts)
    return f"Honest work out of the ordinary (accounts, listed in `unusual.csv`): {told}."


def _some(every: list[str]) -> str:
    return ", ".join(every[:3]) + (f" and {len(every) - 3} more" if len(every) > 3 else "")


def _events(span: Span, happen: Upheavals) -> str:
    told = []
    if happen.outage[0] < NEVER:
        day = span.dates[int(span.day_of(_array(happen.outage[0]))[0])]
        told.append(f"an outage on {day}, and people catching up")
    if happen.strike_day >= 0:
        told.append(f"a strike on {span.dates[happen.strike_day]}")
    if happen.reset_day >= 0:
        told.append(f"all passwords reset on {span.dates[happen.reset_day]}")
    if happen.vendor_from < NEVER:
        day = span.dates[int(span.day_of(_array(happen.vendor_from))[0])]
        told.append(f"vendors changing their network on {day}")
    return f"Also in it: {'; '.join(told)}." if told else "No outage, strike or reset is in it."


def _array(value: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([value])
