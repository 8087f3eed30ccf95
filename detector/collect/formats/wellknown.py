"""Read JSON lines whose fields go by well-known names: nginx variables, ECS (nested or dotted), and common others."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

from detector.collect.formats.jsonlines import JsonLines
from detector.collect.formats.shape import FIELDS, nanoseconds, value
from detector.collect.formats.times import ANY
from detector.errors import DetectorError

Names = tuple[str, ...]

NAMES: Final[dict[str, Names]] = {
    "time": (
        *("@timestamp", "time_iso8601", "timestamp", "time", "ts", "datetime", "msec", "time_local", "start_time"),
        *("StartUTC", "date"),
    ),
    "source.ip": (
        *("remote_addr", "source.ip", "client.ip", "client_ip", "clientip", "remote_ip", "src_ip", "source_ip"),
        *("ip", "remote_host", "client_addr", "ClientHost", "c-ip", "source.address", "client.address"),
    ),
    "portal.forwarded_for": (
        *("http_x_forwarded_for", "x_forwarded_for", "x-forwarded-for", "X-Forwarded-For", "xff", "forwarded_for"),
    ),
    "user.name": (
        *("remote_user", "user.name", "username", "user_name", "user", "user_id", "userid", "login", "account"),
        *("cs-username", "preferred_username", "sub"),
    ),
    "portal.session": (
        *("session_id", "session", "sid", "sessionid", "session.id", "portal.session", "cookie_session"),
        *("cookie_session_id", "cookie_sessionid", "cookie_sid", "cookie_jsessionid", "cookie_phpsessid"),
    ),
    "http.request.method": ("request_method", "http.request.method", "method", "verb", "http_method", "cs-method"),
    "url.original": ("request_uri", "url.original", "uri", "url", "path", "request_path", "url.full", "cs-uri-stem"),
    "url.path": ("url.path",),
    "url.query": ("url.query",),
    "request": ("request", "request_line"),
    "url.domain": ("host", "http_host", "server_name", "url.domain", "domain", "vhost"),
    "http.version": ("server_protocol", "http.version", "http_version", "protocol", "proto"),
    "http.response.status_code": (
        *("status", "http.response.status_code", "status_code", "response_code", "sc-status", "code", "response"),
    ),
    "http.response.body.bytes": (
        *("body_bytes_sent", "http.response.body.bytes", "bytes_sent", "bytes", "size", "response_size"),
        *("http.response.bytes", "sc-bytes"),
    ),
    "http.request.referrer": ("http_referer", "http.request.referrer", "referer", "referrer", "http_referrer"),
    "user_agent.original": (
        *("http_user_agent", "user_agent.original", "user_agent", "useragent", "user-agent", "agent", "ua"),
    ),
    "seconds": ("request_time", "duration_s", "response_time", "elapsed", "duration"),
    "milliseconds": ("request_time_ms", "duration_ms", "response_time_ms", "latency_ms", "elapsed_ms"),
    "nanoseconds": ("event.duration",),
    "event.action": ("event.action", "action", "event_type"),
    "event.outcome": ("event.outcome", "outcome"),
}
"""What each column goes by, best name first. A dot is a level, or part of a name: both are looked for."""


def sampled_objects(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Decode the few first lines one by one, to learn what their fields look like."""
    objects = []
    for line in lines:
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):  # the second where it is nested a thousand deep
            continue
        if isinstance(one, dict):
            objects.append(one)
    return objects


def levels(sample: Iterable[str], names: Mapping[str, Names] = NAMES) -> Names:
    """Return the fields that hold fields: the sample tells `user: "x"` from `user: {name: "x"}`."""
    objects = sampled_objects(sample)
    nested = {key for one in objects for key, content in one.items() if isinstance(content, dict)}
    plain = {key for one in objects for key, content in one.items() if not isinstance(content, dict | list | None)}
    prefixes = {one.partition(".")[0] for many in names.values() for one in many if "." in one}
    return tuple(sorted(key for key in prefixes if key in nested or key not in plain))


def shape(name: str, levels: Names, names: Mapping[str, Names] = NAMES, kinds: Names = ANY) -> JsonLines:
    """Return the shape of JSON lines with these names; `levels` are the fields that hold fields."""
    tree: dict[str, Any] = {}
    columns = {column: _candidates(tree, many, levels) for column, many in names.items()}
    text = {column: pl.coalesce([*found, pl.lit(None, pl.String)]) for column, found in columns.items()}
    fields = {column: one for column, one in text.items() if column not in _COMPOSED}
    fields |= _composed(text)
    telling = [fields[one] for one in ("url.original", "http.response.status_code", "event.action") if one in fields]
    telling += [text["request"]] if "request" in text else []
    seen = pl.any_horizontal(one.is_not_null() for one in telling) if names is NAMES else text["time"].is_not_null()
    return JsonLines(
        name=name,
        dtype=_struct(tree),
        seen=seen,
        time=text["time"],
        fields=fields,
        kinds=kinds,
        request=text.get("request"),
        skipped="a JSON object without a request or an event",
    )


_COMPOSED: Final = {"time", "request", "url.path", "url.query", "seconds", "milliseconds", "nanoseconds"}


def _composed(text: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    fields: dict[str, pl.Expr] = {}
    if "url.path" in text:
        query = text.get("url.query", pl.lit(None, pl.String)).fill_null("")
        path = text["url.path"] + pl.when(query != "").then("?" + query.str.strip_prefix("?")).otherwise(pl.lit(""))
        fields["url.original"] = pl.coalesce(text.get("url.original", pl.lit(None, pl.String)), path)
    if "http.version" in text:
        fields["http.version"] = text["http.version"].str.strip_prefix("HTTP/")
    per_second = {"seconds": 1.0, "milliseconds": 1e3, "nanoseconds": 1e9}
    if durations := [nanoseconds(text[unit], many) for unit, many in per_second.items() if unit in text]:
        fields["event.duration"] = pl.coalesce(durations)
    return fields


def _candidates(tree: dict[str, Any], names: Names, levels: Names) -> list[pl.Expr]:
    found = []
    for name in names:
        head, dot, _ = name.partition(".")
        if (dot and head in levels) and _grow(tree, name.split(".")):
            found.append(value(_at(name.split("."))))
        if (dot or head not in levels) and _grow(tree, [name]):
            found.append(value(pl.col(name)))
    return found


def _grow(tree: dict[str, Any], path: list[str]) -> bool:
    """Add a path to the tree of fields; False where a text already stands in its way."""
    for key in path[:-1]:
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            return False
        tree = branch
    return tree.setdefault(path[-1], None) is None


def _at(path: list[str]) -> pl.Expr:
    column = pl.col(path[0])
    for key in path[1:]:
        column = column.struct.field(key)
    return column


def _struct(tree: Mapping[str, Any]) -> pl.Struct:
    return pl.Struct({key: pl.String if branch is None else _struct(branch) for key, branch in tree.items()})


def named(fields: Mapping[str, str], sample: Iterable[str], kinds: Names = ANY) -> JsonLines:
    """Return the shape of a configuration that names the JSON field of each column itself.

    Raises: `DetectorError` when no field is the time stamp, or one names no column.
    """
    if "@timestamp" not in fields:
        raise DetectorError("required: a field for @timestamp")
    if unknown := sorted(set(fields) - {*FIELDS.names(), *_COMPOSED}):
        raise DetectorError(f"no such column: {', '.join(unknown)}; required: some of {', '.join(FIELDS.names())}")
    spelled = {{"@timestamp": "time"}.get(column, column): (path,) for column, path in fields.items()}
    return shape("json", levels(sample, spelled), spelled, kinds)
