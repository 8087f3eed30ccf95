"""Receive log lines: over UDP, TCP and Unix sockets as syslog, and from standard input.

What comes is written to a log beside the state (`spool`) and followed from there like any other: so it has a position,
outlives a crash and waits while there is more than can be read. One thread receives (`receiver`); syslog's header is
taken off where lines are read, as it is from a syslog daemon's files.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detector.collect.source.block import Position
from detector.collect.source.find import STDIN
from detector.collect.source.receive.address import is_address, read_addresses
from detector.collect.source.receive.receiver import Receiver
from detector.config import Input

FOLDER: Final = "received"
"""In the state directory: a folder for each address."""


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

    def forget(self, positions: Mapping[str, Position]) -> None:
        """Remove what was read, as was committed."""
        for spool in self._receiver.spools:
            if spool.stream in positions:
                spool.forget(positions[spool.stream].files)


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
