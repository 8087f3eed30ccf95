"""Receive: one thread waits for all that may come and writes it to the spools. It reads nothing in what it writes."""

import os
import select
import socket
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Final

from detector import clock
from detector.collect.source.receive.address import Address
from detector.collect.source.receive.framing import Detected, Newline
from detector.collect.source.receive.inlets import Datagrams, Inlet, Listener, Stream
from detector.collect.source.receive.sockets import listen
from detector.collect.source.receive.spool import Spool
from detector.config import Input
from detector.errors import InputError
from detector.telemetry import log

_WAIT_S: Final = 0.2
_LOOK_S: Final = 1.0
"""How often what was received is brought to the disk and what was dropped is counted."""
_FAREWELL_S: Final = 1.0
"""How long, at the end, what has arrived at this machine already is read."""


class Receiver:
    """Receives at all addresses until it is closed. A state's spools of other runs are in `spools` too, `retired`.

    `counts`: messages cut off, connections refused and delayed, faults of framing, datagrams dropped.

    Raises: `InputError` with what is wrong with any of the addresses.
    """

    def __init__(self, addresses: Sequence[Address], folder: Path, settings: Input) -> None:
        self._spools: dict[str, Spool] = {}
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._folder = folder
        self._inlets: dict[int, Inlet] = {}
        self._stop = Event()
        self._look_s = 0.0
        if addresses:
            folder.mkdir(mode=0o700, exist_ok=True)
        for known in sorted(folder.iterdir()) if folder.is_dir() else ():
            self._spool(known).retired = known.name not in {address.name for address in addresses}
        faults = [fault for address in addresses if (fault := self._open(address))]
        if faults:
            self._close()
            raise InputError("\n".join(faults))
        self._thread = ThreadPoolExecutor(1, "receive")
        self._run = self._thread.submit(self._receive) if self._inlets else None

    @property
    def spools(self) -> list[Spool]:
        """The logs of what was received, in this run and in those before."""
        return list(self._spools.values())

    @property
    def over(self) -> bool:
        """Whether nothing more can come, and all that came is in the spools. Raises: what ended the thread."""
        if self._run is not None and self._run.done():
            self._run.result()
        return not self._inlets and all(spool.settled for spool in self.spools)

    def close(self) -> None:
        """Receive what has arrived, and nothing more. Raises: OSError where that cannot be brought to the disk."""
        self._stop.set()
        self._thread.shutdown()
        self._close()

    def _open(self, address: Address) -> str | None:
        """Begin to listen at an address; return what is wrong with it."""
        try:
            if address.transport == "stdin":
                os.fstat(0)
            bound = None if address.transport == "stdin" else listen(address)
        except OSError as fault:
            return f"{address.given}: cannot be received at: {fault.strerror}"
        try:
            spool = self._spool(self._folder / address.name)
        except OSError as fault:
            if bound is not None:
                bound.close()
            return f"{fault.filename or self._folder}: cannot be written: {fault.strerror}"
        self._add(self._inlet(address, spool, bound))
        return None

    def _spool(self, folder: Path) -> Spool:
        if folder.name not in self._spools:
            self._spools[folder.name] = Spool(folder, self._settings.receive.spool_bytes)
        return self._spools[folder.name]

    def _inlet(self, address: Address, spool: Spool, bound: socket.socket | None) -> Inlet:
        longest = self._settings.max_line_bytes
        if bound is None:
            return Stream(spool, Newline(longest))
        if address.transport in ("tcp", "unix"):
            return Listener(spool, bound, self._admit)
        return Datagrams(spool, bound, longest)

    def _add(self, inlet: Inlet) -> None:
        self._inlets[inlet.fileno()] = inlet

    def _admit(self, spool: Spool, connection: socket.socket) -> None:
        """Take a connection on. When there are as many as there may be, one that was silent for long gives way."""
        streams = [one for one in self._inlets.values() if isinstance(one, Stream) and one.fileno()]
        if len(streams) >= self._settings.receive.max_connections:
            quietest = min(streams, key=lambda one: one.heard_s)
            if clock.monotonic_s() - quietest.heard_s < self._settings.receive.idle_s:
                self.counts["connections_refused"] += 1
                connection.close()
                return
            self._drop(quietest)
        self._add(Stream(spool, Detected(self._settings.max_line_bytes), connection))

    def _receive(self) -> None:
        while not self._stop.is_set():
            self._turn(_WAIT_S)
            if clock.monotonic_s() - self._look_s >= _LOOK_S:
                self._look()
        end = clock.monotonic_s() + _FAREWELL_S
        while self._turn(0) and clock.monotonic_s() < end:
            pass
        self._look()

    def _turn(self, wait_s: float) -> bool:
        """Wait until something has come and take it, where its spool has room; whether there was anything."""
        roomy = {spool.folder for spool in self.spools if spool.has_room()}
        ready = select.poll()
        for fd, one in self._inlets.items():
            if one.spool.folder in roomy and not (isinstance(one, Listener) and one.rests):
                ready.register(fd, select.POLLIN)
        found = ready.poll(wait_s * 1000)
        for fd, _ in found:
            inlet = self._inlets.get(fd)  # it may have given way to another meanwhile
            if inlet is not None and inlet.spool.has_room() and not inlet.take():
                self._drop(inlet)
        return bool(found)

    def _drop(self, inlet: Inlet) -> None:
        del self._inlets[inlet.fileno()]
        inlet.close()
        if isinstance(inlet, Stream):
            self.counts["messages_cut_off"] += inlet.within
            if inlet.fault is not None:
                self.counts["framing_faults"] += 1
                log.warning("a connection was closed: %s", inlet.fault, extra={"path": str(inlet.spool.folder)})

    def _look(self) -> None:
        """Bring what was received to the disk, and tell what was not. Raises: OSError."""
        self._look_s = clock.monotonic_s()
        for spool in self.spools:
            spool.renew()
            spool.sync()
        if delayed := sum(one.delayed for one in self._inlets.values() if isinstance(one, Listener)):
            self.counts["connections_delayed"] = delayed
        dropped = sum(one.dropped for one in self._inlets.values() if isinstance(one, Datagrams))
        if dropped > self.counts["datagrams_dropped"]:
            log.warning("datagrams were dropped for want of room", extra={"datagrams": dropped})
            self.counts["datagrams_dropped"] = dropped

    def _close(self) -> None:
        for inlet in list(self._inlets.values()):
            self._drop(inlet)
        for spool in self.spools:
            spool.close()
