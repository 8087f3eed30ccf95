"""Read any Apache `LogFormat`, as pasted from the server's configuration."""

import re
from typing import Final

from detector.collect.formats import template
from detector.collect.formats.shape import Shape
from detector.collect.formats.template import Holds, Part

_LETTERS: Final[dict[str, Holds]] = {
    "h": "address", "a": "address", "u": "user", "r": "request", "m": "method", "U": "path", "q": "query",
    "H": "version", "s": "status", "b": "bytes", "B": "bytes", "O": "bytes", "v": "domain", "V": "domain",
    "D": "microseconds", "T": "seconds",
}  # fmt: skip
_HEADERS: Final[dict[str, Holds]] = {
    "x-forwarded-for": "forwarded_for",
    "user-agent": "agent",
    "referer": "referrer",
    "host": "domain",
    "x-real-ip": "peer",
}
_TIMES: Final = {"sec": "epoch_s", "msec": "epoch_ms", "usec": "epoch"}
_UNITS: Final[dict[str, Holds]] = {"ms": "milliseconds", "us": "microseconds", "s": "seconds"}
_DIRECTIVE: Final = re.compile(r"%[!<>,0-9]*(?:\{(?P<argument>[^}]*)\})?(?P<letter>\^t[io]|[A-Za-z%])")


def shapes(text: str, kinds: tuple[str, ...] = ()) -> tuple[Shape, ...]:
    r"""Return the shapes of a `LogFormat` string, with or without the directive's name, its quotes and nickname."""
    text = text.strip()
    if match := re.match(r'^(?:LogFormat\s+)?"((?:[^"\\]|\\.)*)"(?:\s+\S+)?$', text):
        text = match[1]
    text = text.replace('\\"', '"').replace("\\t", "\t").replace("\\\\", "\\")
    parts: list[Part] = []
    at = 0
    for match in _DIRECTIVE.finditer(text):
        parts += [Part(literal=text[at : match.start()]), *_parts(match["letter"], match["argument"])]
        at = match.end()
    return template.shapes("apache", [*parts, Part(literal=text[at:])], kinds)


def _parts(letter: str, argument: str | None) -> list[Part]:
    if letter == "%":
        return [Part(literal="%")]
    if letter == "t" and argument is None:
        return [Part(literal="["), Part(holds="time", kind="clf"), Part(literal="]")]
    if letter == "t":
        kind = (argument or "").removeprefix("begin:").removeprefix("end:")
        kind = {"msec_frac": "%3f", "usec_frac": "%6f"}.get(kind, kind)
        return [Part(holds="time", kind=_TIMES.get(kind, kind))]
    if letter == "i" and (argument or "").lower() in _HEADERS:
        return [Part(holds=_HEADERS[(argument or "").lower()])]
    if letter == "T" and argument:
        return [Part(holds=_UNITS.get(argument, "other"))]
    if letter == "a" and argument == "c":
        return [Part(holds="peer")]
    if argument and template.holds_session(argument, cookie=letter == "C"):
        return [Part(holds="session")]
    return [Part(holds="other" if argument else _LETTERS.get(letter, "other"))]
