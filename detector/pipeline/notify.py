"""Tell the service manager how the run goes, by systemd's protocol: datagrams to the socket it names.

Two dozen lines of it are needed; the packages that have them are kept by nobody in particular, or bring asyncio along.
"""

import os
import socket
from collections.abc import Mapping
from typing import Final

from detector import clock
from detector.telemetry import log

PINGS: Final = 4
"""How many times within the watchdog's limit it hears of us; a step of the loop may take what is left."""

SEND_S: Final = 1.0
"""How long a manager that does not take its mail is waited for."""


class Manager:
    """The manager that started this process; where none did, nothing is told.

    Source: sd_notify(3), sd_watchdog_enabled(3).
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if watched else 0.0
        self._every_s = limit_s / PINGS if limit_s and name else float("inf")
        self._due_s = 0.0
        self._status = ""
        self._failed = False

    def ready(self) -> None:
        """Say that the start, or the reload that was told, is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is being taken up anew; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={clock.monotonic_s() * 1e6:.0f}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def ping(self) -> None:
        """Say that the loop turns, as often as the watchdog wants to hear it."""
        now = clock.monotonic_s()
        if now >= self._due_s and self._every_s < float("inf"):
            self._due_s = now + self._every_s
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in one line how it goes, where that has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def _send(self, *said: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mail:
                mail.settimeout(SEND_S)
                mail.sendto("\n".join(said).encode(), self._address)
            self._failed = False
        except OSError as fault:
            if not self._failed:
                log.warning("the service manager does not listen", extra={"reason": fault.strerror or str(fault)})
            self._failed = True
