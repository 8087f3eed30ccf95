"""Write to standard error as long as it takes anything: a disk that is full under it must not end a run."""

import io
import sys
from typing import TYPE_CHECKING, Final

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
