r"""JSON lines: well-known names, ECS, and the lines that are no JSON, torn, or nearly JSON."""

import json
import time
from typing import Any

import polars as pl
import pytest

from detector.collect.formats.jsonlines import decode
from detector.collect.parse import Parsed, choose_format, parse
from detector.config import Format, Input

GOOD = {
    "time_iso8601": "2026-03-02T09:15:00+01:00",
    "remote_addr": "192.0.2.1",
    "remote_user": "anne",
    "request": "GET /a?b=1 HTTP/1.1",
    "status": "200",
    "body_bytes_sent": 12,
    "http_user_agent": "curl/8",
    "http_x_forwarded_for": "-",
    "request_time": 0.25,
}
DTYPE = pl.Struct({"a": pl.String, "b": pl.Struct({"c": pl.String}), "d": pl.List(pl.String)})


def framed(lines: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String})
    return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))


def read(lines: list[str], described: str | Format = "json", sample: list[str] | None = None) -> Parsed:
    chosen, _ = choose_format(framed(sample or lines), Input(format=described))
    return parse(framed(lines), chosen, path="f")


def only(fields: dict[str, Any] | str, described: str | Format = "json") -> dict[str, Any]:
    parsed = read([fields if isinstance(fields, str) else json.dumps(fields)], described)
    assert parsed.rejects.is_empty(), parsed.rejects["reason"].to_list()
    return parsed.events.row(0, named=True)


def given(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: content for name, content in row.items() if content is not None and not name.startswith(("log.", "@"))
    }


def test_fields_named_as_nginx_names_its_variables() -> None:
    row = only(GOOD)
    assert row["@timestamp"].isoformat() == "2026-03-02T08:15:00+00:00"
    assert given(row) == {
        "source.ip": "192.0.2.1",
        "user.name": "anne",
        "http.request.method": "GET",
        "url.original": "/a?b=1",
        "http.version": "1.1",
        "http.response.status_code": 200,
        "http.response.body.bytes": 12,
        "user_agent.original": "curl/8",
        "event.duration": 250_000_000,
    }


@pytest.mark.parametrize("dotted", [False, True])
def test_ecs_names_nested_or_dotted(dotted: bool) -> None:
    flat = {
        "@timestamp": "2026-03-02T09:15:00.250Z", "source.ip": "2001:DB8::1", "user.name": "anne", "url.path": "/a",
        "url.query": "b=1", "http.request.method": "GET", "http.response.status_code": 404, "event.duration": 7,
        "http.response.body.bytes": 3, "user_agent.original": "x", "event.outcome": "failure",
        "url.domain": "p.example",
    }  # fmt: skip
    nested: dict[str, Any] = {}
    for name, content in flat.items():
        *levels, last = name.split(".")
        at = nested
        for level in levels:
            at = at.setdefault(level, {})
        at[last] = content
    assert given(only(flat if dotted else nested)) == {
        "source.ip": "2001:db8::1",
        "user.name": "anne",
        "http.request.method": "GET",
        "url.original": "/a?b=1",
        "url.domain": "p.example",
        "http.response.status_code": 404,
        "http.response.body.bytes": 3,
        "user_agent.original": "x",
        "event.duration": 7,
        "event.outcome": "failure",
    }


@pytest.mark.parametrize("stamp", [1772442900, 1772442900.0, "1772442900.000", 1772442900000, "2026-03-02T09:15:00Z"])
def test_stamps_of_any_kind(stamp: Any) -> None:
    assert only({"ts": stamp, "ip": "192.0.2.1", "path": "/"})["@timestamp"].isoformat() == "2026-03-02T09:15:00+00:00"


def test_fields_named_by_the_configuration() -> None:
    described = Format(
        json_fields={"@timestamp": "when.at", "source.ip": "who.from", "user.name": "who.name", "url.original": "what"},
        time_format="epoch_ms",
    )
    row = only(
        {"when": {"at": 1772442900500}, "who": {"from": "192.0.2.1:99", "name": "anne"}, "what": "/a"}, described
    )
    assert row["@timestamp"].isoformat() == "2026-03-02T09:15:00.500000+00:00"
    assert given(row) == {"source.ip": "192.0.2.1", "user.name": "anne", "url.original": "/a"}


def test_an_nginx_json_template_gives_its_own_names() -> None:
    fields = '{"t":"$msec","from":"$remote_addr", "u":"$remote_user","r":"$request","s":$status}'
    template = f"log_format j escape=json '{fields}';"
    row = only(
        '{"t":"1772442900.000","from":"192.0.2.1", "u":"anne","r":"GET /a HTTP/1.1","s":200}', Format(nginx=template)
    )
    assert (row["source.ip"], row["user.name"], row["url.original"], row["http.response.status_code"]) == (
        "192.0.2.1", "anne", "/a", 200,
    )  # fmt: skip


BAD = [
    "",
    "noise",
    "{",
    "}",
    "{}x",
    "\x00",
    '{"a":',
    "[1]",
    "null",
    '"x"',
    "{a:1}",
    '{"a":1}{"a":2}',
    '{"a":1},{"a":2}',
    '{"a":"x}',
    '"y"}',
    '{"a":1,}',
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("size", [1, 700])
def test_a_bad_line_takes_no_other_with_it(bad: str, size: int) -> None:
    good = [json.dumps(GOOD | {"remote_user": f"u{at}"}) for at in range(size)]
    lines = [*good, bad, *good]
    parsed = read(lines, sample=good)
    assert parsed.events["user.name"].to_list() == [f"u{at}" for at in range(size)] * 2
    assert parsed.rejects.height + parsed.skipped == 1


def test_torn_lines_do_not_shift_or_merge_their_neighbours() -> None:
    torn = ['{"a":"1"},{"a":"2"', '"z":"3"}', '{"a":"x}', '{", "a":"4"}', '{"a":"5"},{"a":"6"}', '{"a":"7"}']
    objects, good = decode(pl.Series(torn), DTYPE)
    assert good.to_list() == [False, False, False, False, False, True]
    assert objects["a"].to_list() == [None, None, None, None, None, "7"]


def test_every_line_bad() -> None:
    objects, good = decode(pl.Series(["{x}"] * 1000), DTYPE)
    assert not good.any()
    assert objects["a"].null_count() == 1000


def test_a_field_of_another_type_is_read_as_text_where_it_can_be() -> None:
    lines = [
        '{"a":{"q":1},"b":{"c":"1"}}',
        '{"a":"x","b":"text","d":"one"}',
        '{"a":[1]}',
        '{"a":true,"d":["u","v"]}',
    ] * 300
    objects, good = decode(pl.Series(lines), DTYPE)
    assert good.all()
    assert objects["a"].head(4).to_list() == ['{"q": 1}', "x", "[1]", "true"]
    assert objects["b"].struct.field("c").head(4).to_list() == ["1", None, None, None]


def test_what_a_client_puts_into_few_lines_slows_none_of_the_others() -> None:
    good = json.dumps(GOOD | {"remote_user": "anné"})
    bad = (
        "{}",
        *(good.replace('"200"', odd) for odd in ('{"x":1}', "[1]", "[" * 120 + "]" * 120, r'"\ud800"', "1e999")),
        "{x}",
    )
    for odd in bad:
        assert any(costs_little([odd if at % 100 == 0 else good for at in range(4000)], good) for _ in range(9)), odd
    assert any(costs_little([bad[1]] * 4000, good) for _ in range(9))


def costs_little(lines: list[str], good: str) -> bool:
    return cpu_s(lines) <= 4 * cpu_s([good] * len(lines))


def cpu_s(lines: list[str]) -> float:
    chosen, _ = choose_format(framed([json.dumps(GOOD)]), Input(format="json"))
    given, begun = framed(lines), time.process_time()
    parse(given, chosen, path="f")
    return time.process_time() - begun


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\x22 \x5C", '" \\'),
        (r"h\xC3\xA9l\xc3\xa8ne", "hélène"),
        (r"\x5Cx22", r"\x22"),
        (r"\x1Bred", "\x1bred"),
        (r"a\xFFb", "ab"),
        (r"a\ud800b", "ab"),
        (r"\ud83d\ude00", "😀"),
        (r"\\ud800", r"\ud800"),
        ("raw\x01\x02", "raw\ufffd\ufffd"),
        (r"\u0041", "A"),
        (r"\\x41", r"\x41"),
    ],
)
def test_what_is_nearly_json_is_mended(written: str, meant: str) -> None:
    line = json.dumps(GOOD).replace("curl/8", written)
    assert only(line)["user_agent.original"] == meant
    parsed = read([json.dumps(GOOD), line] * 400)
    assert parsed.events["user_agent.original"].to_list() == ["curl/8", meant] * 400


def test_an_object_without_a_request_is_refused_by_that_reason() -> None:
    parsed = read([json.dumps({"time": "2026-03-02T09:15:00Z", "msg": "started"})], sample=[json.dumps(GOOD)])
    assert parsed.rejects["reason"].to_list() == ["a JSON object without a request or an event"]


def test_behind_a_container_s_prefix() -> None:
    parsed = read(
        ["2026-03-02T09:15:00.1Z stdout F " + json.dumps(GOOD), "2026-03-02T09:15:00.1Z stdout P " + json.dumps(GOOD)]
    )
    assert (parsed.events.height, parsed.rejects.height) == (1, 1)
