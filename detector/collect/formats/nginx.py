"""Read any nginx `log_format`, as pasted from the server's configuration: text, or JSON."""

import re
from collections.abc import Sequence
from typing import Final

from detector.collect.formats import template, wellknown
from detector.collect.formats.jsonlines import JsonLines, both
from detector.collect.formats.shape import Shape
from detector.collect.formats.template import Holds, Part

_VARIABLES: Final[dict[str, tuple[Holds, str]]] = {
    "remote_addr": ("address", ""),
    "http_x_real_ip": ("peer", ""),
    "realip_remote_addr": ("peer", ""),
    "http_x_forwarded_for": ("forwarded_for", ""),
    "proxy_add_x_forwarded_for": ("forwarded_for", ""),
    "remote_user": ("user", ""),
    "time_local": ("time", "clf"),
    "time_iso8601": ("time", "iso"),
    "msec": ("time", "epoch"),
    "request": ("request", ""),
    "request_method": ("method", ""),
    "request_uri": ("target", ""),
    "uri": ("path", ""),
    "document_uri": ("path", ""),
    "args": ("query", ""),
    "query_string": ("query", ""),
    "server_protocol": ("version", ""),
    "status": ("status", ""),
    "body_bytes_sent": ("bytes", ""),
    "bytes_sent": ("bytes", ""),
    "http_referer": ("referrer", ""),
    "http_user_agent": ("agent", ""),
    "host": ("domain", ""),
    "http_host": ("domain", ""),
    "server_name": ("domain", ""),
    "request_time": ("seconds", ""),
}
"""Variable: what it holds, and of a time stamp the kind it is written in."""
_JSON_FIELD: Final = re.compile(r'"([^"]+)"\s*:\s*"?\$\{?(\w+)\}?"?')
_COLUMNS: Final[dict[str, str]] = {
    "address": "source.ip", "forwarded_for": "portal.forwarded_for", "user": "user.name", "session": "portal.session",
    "time": "time", "request": "request", "method": "http.request.method", "target": "url.original",
    "path": "url.path", "query": "url.query", "version": "http.version", "status": "http.response.status_code",
    "bytes": "http.response.body.bytes", "referrer": "http.request.referrer", "agent": "user_agent.original",
    "domain": "url.domain", "seconds": "seconds",
}  # fmt: skip


def shapes(text: str, sample: Sequence[str], kinds: tuple[str, ...] = ()) -> tuple[Shape, ...]:
    """Return the shapes of a `log_format` string, with or without the directive's name, quotes and semicolon."""
    text = _bare(text)
    if text.lstrip().startswith("{"):
        return both(_json(text, sample, kinds))
    parts: list[Part] = []
    at = 0
    for match in re.finditer(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", text):
        parts += [Part(literal=text[at : match.start()]), _part(match[1])]
        at = match.end()
    return template.shapes("nginx", [*parts, Part(literal=text[at:])], kinds)


def _bare(directive: str) -> str:
    text = re.sub(r"^\s*log_format\s+\S+\s*", "", directive.strip()).rstrip().removesuffix(";").rstrip()
    text = re.sub(r"^escape=\w+\s+", "", text)
    if text[:1] in {"'", '"'} and text[-1:] == text[0]:
        quoted = re.findall(rf"{text[0]}((?:[^{text[0]}\\]|\\.)*){text[0]}", text)
        text = re.sub(r"\\(['\"\\])", r"\1", "".join(quoted))
    return text


def _part(variable: str) -> Part:
    if variable in _VARIABLES:
        holds, kind = _VARIABLES[variable]
        return Part(holds=holds, kind=kind)
    cookie = variable.removeprefix("cookie_")
    return Part(holds="session" if template.holds_session(cookie, cookie=cookie != variable) else "other")


def _json(text: str, sample: Sequence[str], kinds: tuple[str, ...]) -> JsonLines:
    names: dict[str, tuple[str, ...]] = {}
    found: list[str] = []
    for key, variable in _JSON_FIELD.findall(text):
        part = _part(variable)
        if column := _COLUMNS.get(part.holds or ""):
            names.setdefault(column, (key,))
            found += [part.kind] if part.holds == "time" else []
    template.demand(names, "time", "$time_iso8601, $time_local or $msec")
    return wellknown.shape("nginx", wellknown.levels(sample, names), names, kinds or (found[0],))
