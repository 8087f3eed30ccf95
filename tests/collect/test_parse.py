"""Every line is an event, a reject or skipped, and no awkward one takes others with it."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.collect.formats import names
from detector.collect.parse import Parsed, choose_format, parse
from detector.config import Format, Input
from detector.schema import RAW, REJECT

CLEAN = (
    '192.0.2.1 - anne [02/Mar/2026:09:15:00 +0100] "GET /a?b=1 HTTP/1.1" 200 12 "https://p.example/" "curl/8" s1a2b3c4'
)
FORMATS = [name for name in names() if name != "auto"]
TEMPLATES = [
    Format(nginx='$remote_addr|$remote_user|$time_iso8601|"$request"|$status'),
    Format(apache='%h %l %u %t "%r" %>s %b %D'),
    Format(regex=r"^(?P<ip>\S+) (?P<time>\S+) (?P<method>\S+) (?P<path>\S+)$"),
    Format(json_fields={"@timestamp": "t", "source.ip": "client.ip"}),
]


def framed(lines: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String})
    return frame.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) * 100).alias("log.offset"))


def read(*lines: str, described: str | Format = "combined", sample: list[str] | None = None, **more: Any) -> Parsed:
    chosen, _ = choose_format(framed(sample or list(lines)), Input(format=described, **more))
    return parse(framed(list(lines)), chosen, path="access.log")


def only(*lines: str, described: str | Format = "combined", **more: Any) -> dict[str, Any]:
    parsed = read(*lines, described=described, **more)
    assert parsed.rejects.is_empty(), parsed.rejects["reason"].to_list()
    assert parsed.events.height == 1
    return parsed.events.row(0, named=True)


def test_a_clean_line_fills_its_columns() -> None:
    parsed = read(CLEAN)
    assert parsed.events.schema == RAW
    assert parsed.rejects.schema == REJECT
    row = parsed.events.row(0, named=True)
    assert row.pop("@timestamp").isoformat() == "2026-03-02T08:15:00+00:00"
    assert {name: content for name, content in row.items() if content is not None} == {
        "source.ip": "192.0.2.1",
        "user.name": "anne",
        "portal.session": "s1a2b3c4",
        "http.request.method": "GET",
        "url.original": "/a?b=1",
        "http.version": "1.1",
        "http.response.status_code": 200,
        "http.response.body.bytes": 12,
        "http.request.referrer": "https://p.example/",
        "user_agent.original": "curl/8",
        "log.file.path": "access.log",
        "log.offset": 0,
    }


def test_a_time_out_of_apache_has_no_request_and_no_bytes() -> None:
    row = only('192.0.2.1 - - [02/Mar/2026:09:15:00 +0100] "-" 408 - "-" "-"')
    assert (row["http.request.method"], row["url.original"], row["http.response.body.bytes"]) == (None, None, None)
    assert row["http.response.status_code"] == 408


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("anne martin", "anne martin"),
        (r"anne\x22 200 9 \x22", 'anne" 200 9 "'),
        (r"anne\" 200 9 \"", 'anne" 200 9 "'),
        (r"h\xC3\xA9l\xc3\xa8ne", "hélène"),
        (r"dom\\anne", "dom\\anne"),
        ("x [01/Jan/2020:00:00:00 +0000]", "x [01/Jan/2020:00:00:00 +0000]"),
        ("- 198.51.100.9", "- 198.51.100.9"),
        ("\x1b[2Janne", "\ufffd[2Janne"),
        ("-", None),
    ],
)
def test_user_names_stay_within_their_field(written: str, meant: str | None) -> None:
    row = only(CLEAN.replace("- anne [", f"- {written} ["))
    assert row["user.name"] == meant
    assert row["source.ip"] == "192.0.2.1"
    assert row["@timestamp"].year == 2026
    assert row["http.response.status_code"] == 200


@pytest.mark.parametrize("quote", [r"\"", r"\x22"])
def test_a_client_cannot_forge_the_fields_behind_it(quote: str) -> None:
    forged = f"x{quote} feedfeedfeed{quote}"
    row = only(CLEAN.replace("curl/8", forged), described="combined_session")
    assert row["user_agent.original"] == 'x" feedfeedfeed"'
    assert row["portal.session"] == "s1a2b3c4"


def test_a_quote_that_is_not_escaped_forges_no_session() -> None:
    forged = CLEAN.replace("curl/8", 'x" "feedfeedfeed')
    parsed = read(CLEAN, forged, CLEAN.replace("curl/8", 'x"y'), sample=[CLEAN])
    assert parsed.events["portal.session"].to_list() == ["s1a2b3c4", None]
    assert parsed.rejects["log.offset"].to_list() == [200]


def test_escapes_in_a_target_become_percent_encoding() -> None:
    assert only(CLEAN.replace("/a?b=1", r"/a\x22b\\c\"\xC3\xA9"))["url.original"] == "/a%22b%5Cc%22%C3%A9"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("host.example.net", None),
        ("unix:", None),
        ("999.1.1.1", None),
        ("192.0.2.07", None),
    ],
)
def test_addresses_are_canonical_or_null(written: str, meant: str | None) -> None:
    assert only(CLEAN.replace("192.0.2.1", written))["source.ip"] == meant


def test_rejects_say_why_and_where_and_hold_nothing_of_the_line() -> None:
    parsed = read(CLEAN, "secret-identifier 2840775115042", CLEAN + "x" * 2000, "a\0b", max_line_bytes=1024)
    assert parsed.events.height == 1
    assert parsed.rejects.rows() == [
        ("access.log", 100, 31, "not a line of format combined"),
        ("access.log", 200, len(CLEAN) + 2000, "longer than 1024 bytes"),
        ("access.log", 300, 3, "holds a NUL byte"),
    ]


def test_a_stamp_that_is_none_is_a_reject_of_its_own() -> None:
    parsed = read(CLEAN.replace("02/Mar/2026", "32/Mar/2026"), CLEAN.replace("2026", "0001"), sample=[CLEAN])
    assert parsed.rejects["reason"].unique().to_list() == ["time stamp missing, unreadable or out of range"]


def test_blank_lines_are_skipped_and_ends_of_lines_taken_off() -> None:
    parsed = read("\ufeff" + CLEAN + "\r", "", "\r", "   ", "\0\0\0" + CLEAN)
    assert (parsed.events.height, parsed.rejects.height, parsed.skipped) == (2, 0, 3)
    assert parsed.events["portal.session"].to_list() == ["s1a2b3c4", "s1a2b3c4"]


def test_no_lines_at_all() -> None:
    parsed = read()
    assert (parsed.events.height, parsed.rejects.height, parsed.skipped) == (0, 0, 0)
    assert parsed.events.schema == RAW


def test_the_order_of_lines_is_kept_where_several_shapes_read_them() -> None:
    odd = CLEAN.replace("curl/8", r"\x22")
    lines = [CLEAN, odd, "no", CLEAN.replace("192.0.2.1", "h.example 192.0.2.1"), odd, CLEAN] * 50
    parsed = read(*lines, sample=[CLEAN])
    assert parsed.events["log.offset"].is_sorted()
    assert parsed.rejects["log.offset"].to_list() == [100 * at for at, line in enumerate(lines) if line == "no"]


def test_many_lines_read_by_threads_are_read_as_few_are() -> None:
    lines = [CLEAN, CLEAN.replace("anne", r"\x22"), "no", CLEAN.replace("192.0.2.1", "::1")] * 12_000
    many = read(*lines, sample=[CLEAN])
    few = read(*lines[:4], sample=[CLEAN])
    assert many.rejects.height == 12_000
    assert many.events.drop("log.offset").unique().height == few.events.height
    assert many.events["log.offset"].is_sorted()


@pytest.mark.parametrize("described", [*FORMATS, *TEMPLATES], ids=str)
def test_a_block_of_many_chunks_some_empty(described: str | Format) -> None:
    cas = "2026-03-02 09:15:00,1 INFO [x.AuditTrailManager] - d|CAS|x|AUTHENTICATION_SUCCESS|anne|192.0.2.1|::1"
    json = '{"time":"2026-03-02T09:15:00Z","remote_addr":"192.0.2.1","status":200}'
    lines = framed(["#Fields: date time c-ip", CLEAN, json, '{"a":', cas, "2026-03-02 09:15:00 192.0.2.1", "no"])
    pieces = [piece for at in range(lines.height) for piece in (lines.slice(at, 1), lines.clear())]
    chosen, _ = choose_format(lines, Input(format=described))
    whole = parse(lines, chosen, path="f")
    chunked = parse(pl.concat(pieces, rechunk=False), chosen, path="f")
    assert chunked.events.equals(whole.events)
    assert chunked.rejects.equals(whole.rejects)


@pytest.mark.parametrize("described", [*FORMATS, *TEMPLATES], ids=str)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_nothing_is_lost_whatever_the_bytes(described: str | Format, data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [
            CLEAN,
            "}",
            '{"time":"2026-03-02T09:15:00Z","remote_addr":"192.0.2.1","status":200}',
            '{"a":1},{"a":2}',
            '{"a":',
            '"z":3}',
            '{"time":"\\ud800","status":"200"}',
            "#Fields: date time c-ip",
            "2026-03-02 09:15:00 192.0.2.1",
            '"',
            "\\",
            "\0",
            "\x01",
            "Mar  1 04:07:11 h LLNG[1]: [warn] Bad password for x (192.0.2.1)",
            " - - [",
            "\ufeff",
            "\ue000",
        ]
    )
    raw = st.binary(max_size=40).map(lambda found: found.decode("utf-8", "replace").replace("\n", ""))
    line = st.lists(pieces | raw, max_size=3).map("".join)
    lines = data.draw(st.lists(line, max_size=12))
    chosen, _ = choose_format(framed(lines), Input(format=described))
    parsed = parse(framed(lines), chosen, path="f")
    assert parsed.events.height + parsed.rejects.height + parsed.skipped == len(lines)
    both = pl.concat([parsed.events["log.offset"], parsed.rejects["log.offset"]])
    assert both.is_unique().all()
    assert parsed.events["@timestamp"].null_count() == 0
    assert parsed.rejects["reason"].null_count() == 0


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(min_value=0, max_value=12))
def test_a_block_may_be_cut_anywhere(cut: int) -> None:
    lines = [
        "2026-03-02 09:14:59 192.0.2.9 GET",
        "#Version: 1.0",
        "#Fields: date time c-ip cs-method",
        "2026-03-02 09:15:00 192.0.2.1 GET",
        "2026-03-02 09:15:01 192.0.2.2 PUT",
        "#Fields: date time cs-method c-ip",
        "2026-03-02 09:15:02 POST 192.0.2.3",
        "bad",
        "#Fields: time c-ip date",
        "09:15:03 192.0.2.4 2026-03-02",
        "",
        "#End",
    ]
    chosen, _ = choose_format(framed(lines), Input(format="w3c"))
    frame = framed(lines)
    whole = parse(frame, chosen, path="f")
    first = parse(frame.head(cut), chosen, path="f")
    second = parse(frame.slice(cut), chosen, path="f", header=first.header)
    assert pl.concat([first.events, second.events]).equals(whole.events)
    assert pl.concat([first.rejects, second.rejects]).equals(whole.rejects)
    assert first.skipped + second.skipped == whole.skipped
    assert second.header == whole.header == "#Fields: time c-ip date"
    assert whole.events["source.ip"].to_list() == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]
    assert whole.rejects["reason"].to_list() == ["no #Fields: line before it", "not a line of format w3c"]
