"""Print a table: aligned in a terminal, and whole where nobody measures its width."""

import os
import shutil
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

import click

from detector.cli import printable

WIDE: Final = 1000
"""Columns where standard output is no terminal: nothing is cut that another program may read."""

LEAST: Final = 20
"""Columns that the first cell keeps in however narrow a terminal."""

GAP: Final = "  "

COLOURS: Final = {"critical": "bright_red", "high": "red", "medium": "yellow", "low": "cyan"}
"""Of levels, as the summary has them."""


def width() -> int:
    """Return how many characters a line may have."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, colours: Sequence[str | None] = ()
) -> None:
    """Print `rows` under `headers`, the first `left` columns to the left, the others to the right.

    In a narrow terminal the first column is cut. `colours`: one a row, seen in a terminal unless NO_COLOR is set.
    """
    from rich.cells import cell_len, set_cell_size  # letters of some scripts are two columns wide

    lines = [[printable(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    rest = sum(widths[1:]) + len(GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(LEAST, width() - rest))
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    for line, colour in zip_longest(lines, () if plain else (None, *colours)):
        if cell_len(line[0]) > widths[0]:
            line[0] = set_cell_size(line[0], widths[0] - 1) + "…"
        cells = [set_cell_size(cell, size) for cell, size in zip(line[:left], widths, strict=False)]
        cells += [cell.rjust(size) for cell, size in zip(line[left:], widths[left:], strict=True)]
        click.echo(click.style(GAP.join(cells).rstrip(), fg=colour) if colour else GAP.join(cells).rstrip())
