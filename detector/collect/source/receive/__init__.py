"""Receive log lines: over UDP, TCP and Unix sockets as syslog, and from standard input.

What comes is written to a log beside the state (`spool`) and followed from there like any other: so it has a position,
outlives a crash and waits while there is more than can be read. One thread receives (`receiver`); syslog's header is
taken off where lines are read, as it is from a syslog daemon's files.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from detector.collect.source.block import Position
from detector.collect.source.find import STDIN
from detector.collect.source.receive.address import is_address, read_addresses
from detector.collect.source.receive.receiver import Receiver
from detector.collect.source.receive.spool import Spool
from detector.config import Input

FOLDER: Final = "received"
"""In the state directory: a folder for each address."""

_ANY_BYTES: Final = 1 << 62


class Received:
    """What `tail` has to do with receiving: what to follow in its place, and when it is safe to forget.

    `paths`: what is followed, the spools of addresses that are received at no more included. `begin_at_start`: the
    logs of which every line counts, whenever it came. `ends`: whether standard input is all there is.
    """

    def __init__(self, paths: Sequence[str], receiver: Receiver) -> None:
        self.paths = [*(path for path in paths if not is_address(path)), *(str(one.folder) for one in receiver.spools)]
        self.begin_at_start = frozenset(spool.stream for spool in receiver.spools)
        self._receiver = receiver
        self.ends = all(path == STDIN for path in paths)

    @property
    def counts(self) -> Counter[str]:
        """What was not received as it should be."""
        return self._receiver.counts

    @property
    def over(self) -> bool:
        """Whether nothing more can come: standard input was all, and has ended. Raises: what ended the receiving."""
        return self._receiver.over and self.ends

    def sync(self) -> None:
        """Bring to the disk what may have been read: before positions in it are committed. Raises: OSError."""
        for spool in self._receiver.spools:
            spool.sync()

    def known(self, positions: Mapping[str, Position]) -> dict[str, Position]:
        """Return where reading goes on: without the files that were read and removed, which nobody must look for."""
        spools = {spool.stream: spool for spool in self._receiver.spools}
        return {
            name: replace(one, files=spools[name].known(one.files)) if name in spools else one
            for name, one in positions.items()
        }

    def forget(self, positions: Mapping[str, Position]) -> None:
        """Remove what was read, as was committed."""
        for spool in self._receiver.spools:
            if spool.stream in positions:
                spool.forget(positions[spool.stream].files)


def sweep(state: Path, positions: Mapping[str, Position]) -> int:
    """Remove what was received and read, beside a state nobody runs; return the bytes not read yet. Raises: OSError."""
    spools = [Spool(folder, _ANY_BYTES) for folder in spooled(state)]
    for spool in spools:
        spool.forget(positions[spool.stream].files if spool.stream in positions else ())
        spool.close()
    return sum(spool.unread_bytes for spool in spools)


def spooled(state: Path) -> list[Path]:
    """Return the folders of the addresses of which something was received beside a state."""
    return sorted(one for one in (state / FOLDER).iterdir() if one.is_dir()) if (state / FOLDER).is_dir() else []


@contextmanager
def receiving(paths: Sequence[str], state: Path, settings: Input) -> Iterator[Received]:
    """Receive at the addresses among `paths`, beside a state directory, for a while.

    Raises: `InputError` with what is wrong with any of them.
    """
    receiver = Receiver(read_addresses(paths, settings.receive), state / FOLDER, settings)
    try:
        yield Received(paths, receiver)
    finally:
        receiver.close()
