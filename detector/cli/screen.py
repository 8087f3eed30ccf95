"""What commands print for people and for programs: text in a pager where a terminal reads, JSON."""

import json
import os
from datetime import date, datetime
from math import isfinite

import click

from detector.clock import rfc3339


def paged(text: str) -> None:
    """Print `text`, in a pager where a terminal reads."""
    os.environ.setdefault("LESS", "FRX")  # as git does: no pager for what one screen holds
    click.echo_via_pager(text)


def plain(told: object) -> object:
    """Return a tree of values as JSON has them: days and moments in words, and null for what is no number."""
    match told:
        case dict():
            return {name: plain(one) for name, one in told.items()}
        case list() | tuple():
            return [plain(one) for one in told]
        case datetime():
            return rfc3339(told)
        case date():
            return told.isoformat()
        case float() if not isfinite(told):
            return None
    return told


def echo_json(told: object) -> None:
    """Print plain values as JSON."""
    from detector.emit.alert.plain import printable_json  # here: `--help` needs no alerts

    click.echo(printable_json(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)))
