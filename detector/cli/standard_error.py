"""Write to standard error: as long as it takes anything, and as its reader takes it.

A disk that is full under it must not end a run; whoever collects the program's log as JSON gets nothing but JSON.
"""

import io
import sys
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from typing_extensions import Buffer

_STDERR: Final = 2


class _Unfailing(io.FileIO):
    """A file in which what cannot be written is dropped."""

    def write(self, data: "Buffer", /) -> int:
        """Write and return how much is dealt with: all, where nothing can be written."""
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data))


def unfailing() -> None:
    """Let standard error drop what it cannot write; one that a test has put in its place stays."""
    former = sys.stderr
    if not isinstance(former, io.TextIOWrapper) or former is not sys.__stderr__:
        return
    raw = _Unfailing(_STDERR, "wb", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=former.encoding, errors="backslashreplace", line_buffering=True
    )


def as_entry(text: str, level: str = "info", **figures: object) -> str | None:
    """Return `text` as an entry of the program's log, if only such may be written; its level shuts nothing out."""
    import logging

    log = logging.getLogger("detector")
    handler = next((one for one in log.handlers if getattr(one.formatter, "alone", False)), None)
    if handler is None:
        return None
    number = logging.getLevelNamesMapping()[level.upper()]
    return handler.format(log.makeRecord(log.name, number, "", 0, "%s", (text,), None, extra=figures))


def tell(text: str, level: str = "info", *, prefix: str = "detector: ") -> None:
    """Tell whoever started the command, in an entry if need be."""
    click.echo(as_entry(text, level) or f"{prefix}{text}", err=True)
