"""Cut a stream of syslog messages into lines: one line a message, whatever stands in the message."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

_COUNTED: Final = re.compile(rb"[1-9][0-9]{0,8} <")
"""How a stream begins whose messages come with their length. A log line may begin with a number too, but not so.
Source: RFC 6587 3.4.1; nine digits are a gigabyte."""
_COUNTED_BYTES: Final = 11
_COUNT: Final = re.compile(rb"\n?([1-9][0-9]{0,8}) ")
_BEGUN: Final = re.compile(rb"\n?(?:[1-9][0-9]{0,8})?")

_NUL: Final = rb"\x00"
_LINE_FEED: Final = rb"\x0A"
"""How what would end a line, or a file, is written inside one: as nginx does it."""


def lines_of(messages: Sequence[bytes | bytearray]) -> bytes:
    """Return messages as lines. Ends of lines and NULs that a message ends with go, those inside it are written out.

    Most have none: that is looked for in all of them at once.
    """
    lines = b"\n".join(messages) + b"\n"
    if lines.count(b"\n") == len(messages) and b"\0" not in lines and b"\r\n" not in lines:
        return lines
    return b"".join([_line_of(one) for one in messages])


def _line_of(message: bytes | bytearray) -> bytes:
    return bytes(message.rstrip(b"\r\n\0").replace(b"\0", _NUL).replace(b"\n", _LINE_FEED)) + b"\n"


class Framing(Protocol):
    """Cuts what comes on one connection. No message takes more memory than the longest that is allowed.

    One that is longer is cut after one byte more: so it is known, and rejected, for what it is.
    """

    @property
    def fault(self) -> str | None:
        """Why the rest of the stream cannot be read: where the next message begins is not known."""

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the lines that are whole by now."""

    def finish(self) -> bytes:
        """Return the last line, where the end of the stream ends it."""


class Newline:
    """Messages that end with a line feed. Source: RFC 6587 3.4.2."""

    fault: str | None = None

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = bytearray()

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the lines that are whole by now."""
        if b"\0" in data:
            data = data.replace(b"\0", _NUL)
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return b""
        lines = bytes(self._held) + data[:end]
        self._held.clear()
        self._hold(data[end:])
        if len(lines) <= self._longest:
            return lines
        return b"\n".join([line[: self._longest + 1] for line in lines.split(b"\n")])

    def finish(self) -> bytes:
        """Return the last line, if it has no line feed."""
        return self.feed(b"\n") if self.within else b""

    def _hold(self, data: bytes) -> None:
        self._held += data[: self._longest + 1 - len(self._held)]


class Counted:
    """Messages that come after their length. Source: RFC 6587 3.4.1. A line feed between two of them is passed over."""

    def __init__(self, longest: int) -> None:
        self.fault: str | None = None
        self._longest = longest
        self._held = bytearray()
        self._missing = 0

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._held) or self._missing > 0

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the lines that are whole by now."""
        held, at = self._held, 0
        held += data[self._missing :]
        self._missing = max(0, self._missing - len(data))
        messages: list[bytearray] = []
        while (match := _COUNT.match(held, at)) is not None:
            start = match.end()
            end = start + int(match[1])
            enough = min(end, start + self._longest + 1)
            if len(held) < enough:
                break
            messages.append(held[start:enough])
            at = end
        self._missing += max(0, at - len(held))
        del held[:at]
        if match is None and not _BEGUN.fullmatch(held):
            self.fault = "the length of a message is required where something else stands"
        return lines_of(messages)

    def finish(self) -> bytes:
        """Return nothing: a message whose end is missing is none."""
        return b""


class Detected:
    """Messages framed in the one way or the other, as the first bytes show."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._found: Framing | None = None
        self._held = b""

    @property
    def fault(self) -> str | None:
        """Why the rest of the stream cannot be read."""
        return self._found.fault if self._found else None

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._found.within if self._found else bool(self._held)

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the lines that are whole by now."""
        if self._found is None:
            self._held = data = self._held + data
            if len(data) < _COUNTED_BYTES and re.fullmatch(rb"(?:[1-9][0-9]{0,8} ?)?", data):
                return b""
            self._found = (Counted if _COUNTED.match(data) else Newline)(self._longest)
        return self._found.feed(data)

    def finish(self) -> bytes:
        """Return the last line, where the end of the stream ends it."""
        if self._found is None:
            self._found = Newline(self._longest)
            return self._found.feed(self._held) + self._found.finish()
        return self._found.finish()
