"""Print a table: aligned in a terminal, and whole where nobody measures its width."""

import sys
from collections.abc import Sequence
from typing import Final

WIDE: Final = 400
"""Columns where standard output is no terminal: nothing is cut that another program may read."""


def width() -> int:
    """Return how many characters a line may have."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else WIDE


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Print `rows` under `headers`, the first `left` columns to the left, the others to the right.

    In a narrow terminal only the first column is cut.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for place, header in enumerate(headers):
        grid.add_column(
            Text(header),
            justify="left" if place < left else "right",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if place == 0 else len(header),
        )
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, width=width()).print(grid)
