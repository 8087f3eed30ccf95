"""Fields behind the combined format, custom templates, time stamps, and the choice of a format."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from detector.collect.formats import LOGOFF_ACTIONS, LOGON_ACTIONS, names
from detector.collect.formats.times import TimeSetting, read_times
from detector.collect.parse import choose_format, parse
from detector.config import Format, Input
from detector.errors import DetectorError

LINE = '192.0.2.1 - anne [02/Mar/2026:09:15:{:02d} +0000] "GET /a HTTP/1.1" 200 12 "-" "curl/8"'


def framed(lines: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String})
    return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))


def read(
    lines: list[str], described: str | Format = "auto", reference: datetime | None = None, **more: Any
) -> pl.DataFrame:
    chosen, _ = choose_format(framed(lines), Input(format=described, **more))
    parsed = parse(framed(lines), chosen, path="f", reference=reference)
    assert parsed.rejects.is_empty(), parsed.rejects["reason"].to_list()
    return parsed.events


def behind(*tails: str) -> pl.DataFrame:
    return read([LINE.format(at % 60) + tail for at, tail in enumerate(tails)])


@pytest.mark.parametrize("tail", [" {}", ' "{}"', " sid={}", ' "sid={}"', ' sid="{}"', " PHPSESSID={}"])
def test_a_session_behind_the_line(tail: str) -> None:
    values = [f"0a1b2c3d{at % 7:04d}" for at in range(20)]
    assert behind(*(tail.format(one) for one in values))["portal.session"].to_list() == values


def test_a_lonely_dash_is_no_session() -> None:
    assert behind(" 0a1b2c3d4e", " -", ' "-"')["portal.session"].to_list() == ["0a1b2c3d4e", None, None]


def test_request_time_and_forwarded_addresses_behind_the_line() -> None:
    events = behind(*[' 0.250 "198.51.100.7, 10.0.0.1"'] * 3, ' 0.004 "-"')
    assert events["event.duration"].to_list() == [250_000_000] * 3 + [4_000_000]
    assert events["portal.forwarded_for"].to_list() == ["198.51.100.7, 10.0.0.1"] * 3 + [None]


def test_named_times_of_the_upstream_are_not_the_request_s() -> None:
    events = behind(*[' uct="0.001" uht="0.2" urt="0.3" rt=0.4'] * 3)
    assert events["event.duration"].to_list() == [400_000_000] * 3


def test_a_session_that_looks_like_an_address_is_no_forwarded_one() -> None:
    events = behind(*[f" 0a1b2c3d{at:04d}" for at in range(30)], " 10.0.0.1")
    assert events["portal.forwarded_for"].null_count() == events.height
    assert events["portal.session"][-1] == "10.0.0.1"


def test_a_number_new_on_every_line_is_no_session() -> None:
    assert behind(*(f" {at:032x}" for at in range(0x1000, 0x1000 + 300)))["portal.session"].null_count() == 300


@pytest.mark.parametrize("host", ["portal.example", "portal.example:443"])
def test_a_virtual_host_before_the_line(host: str) -> None:
    events = read([f"{host} {LINE.format(1)}"] * 3)
    assert events["url.domain"].to_list() == ["portal.example"] * 3
    assert events["source.ip"].to_list() == ["192.0.2.1"] * 3


def test_a_list_of_addresses_before_the_line() -> None:
    event = read(["198.51.100.7, 10.0.0.1" + LINE.format(1).removeprefix("192.0.2.1")] * 2).row(0, named=True)
    assert (event["source.ip"], event["portal.forwarded_for"]) == ("10.0.0.1", "198.51.100.7, 10.0.0.1")


NGINX_LINE = (
    '192.0.2.1 - a b [02/Mar/2026:09:15:00 +0000] "GET /a HTTP/2.0" 200 12 "-" "c\\x22" "s1a2b3c4" 0.5 "198.51.100.7"'
)
NGINX = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
    '"$cookie_sid" $request_time "$http_x_forwarded_for"'
)


@pytest.mark.parametrize(
    "template",
    [
        NGINX,
        f"log_format main '{NGINX}';",
        f"log_format  main  escape=default\n '{NGINX[:40]}'\n   '{NGINX[40:]}' ;",
        NGINX.replace("$remote_addr - $remote_user", "$remote_addr - ${remote_user}"),
        NGINX.replace('" $status', '"  $status'),  # no longer the combined format: read by a regular expression
    ],
)
def test_an_nginx_template_as_pasted(template: str) -> None:
    line = NGINX_LINE.replace('" 200', '"  200') if "  $status" in template else NGINX_LINE
    event = read([line], Format(nginx=template)).row(0, named=True)
    expected = {
        "source.ip": "192.0.2.1", "user.name": "a b", "http.request.method": "GET", "url.original": "/a",
        "http.version": "2.0", "http.response.status_code": 200, "http.response.body.bytes": 12,
        "user_agent.original": 'c"', "portal.session": "s1a2b3c4", "event.duration": 500_000_000,
        "portal.forwarded_for": "198.51.100.7",
    }  # fmt: skip
    assert {name: event[name] for name in expected} == expected


def test_an_nginx_template_of_its_own_kind() -> None:
    template = (
        "$msec|$remote_addr|$remote_user|$request_method|$uri|$args|$server_protocol|$status|$host|$http_user_agent"
    )
    line = "1772442900.250|192.0.2.1|-|GET|/a|b=1|HTTP/1.1|404|portal.example|curl 8"
    event = read([line], Format(nginx=template)).row(0, named=True)
    assert event["@timestamp"] == datetime(2026, 3, 2, 9, 15, 0, 250_000, UTC)
    assert (event["url.original"], event["http.version"], event["user_agent.original"]) == ("/a?b=1", "1.1", "curl 8")
    assert (event["url.domain"], event["user.name"]) == ("portal.example", None)


@pytest.mark.parametrize(
    ("template", "line", "expected"),
    [
        (
            r'LogFormat "%h %l %u %t \"%r\" %>s %b %D" timed',
            '192.0.2.1 - - [02/Mar/2026:09:15:00 +0000] "GET /a HTTP/1.1" 200 - 1500',
            {"event.duration": 1_500_000, "url.original": "/a", "http.response.body.bytes": None},
        ),
        (
            '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %{JSESSIONID}C',
            'p.example:443 192.0.2.1 - anne [02/Mar/2026:09:15:00 +0000] "GET /a HTTP/1.1" 200 9 "-" "curl" s1a2b3c4',
            {"url.domain": "p.example", "portal.session": "s1a2b3c4", "user.name": "anne"},
        ),
        (
            '%a %{X-Forwarded-For}i %{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t "%m %U%q %H" %s %{ms}T',
            '192.0.2.1 198.51.100.7, 10.0.0.1 2026-03-02 09:15:00.042 "GET /a?b=c d HTTP/1.1" 200 15',
            {"portal.forwarded_for": "198.51.100.7, 10.0.0.1", "url.original": "/a?b=c d", "event.duration": 15_000_000,
             "@timestamp": datetime(2026, 3, 2, 8, 15, 0, 42_000, UTC)},
        ),
        (
            r'%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{lang}C %{SID}C %D',
            '192.0.2.1 - - [02/Mar/2026:09:15:00 +0000] "GET /a HTTP/1.1" 200 - "-" "x" fr s1a2b3c4 1500',
            {"event.duration": 1_500_000, "portal.session": "s1a2b3c4"},
        ),
        (
            "%{sec}t %a %u %m %U %>s",
            "1772442900 192.0.2.1 anne martin GET /a 200",
            {"user.name": "anne martin", "@timestamp": datetime(2026, 3, 2, 9, 15, tzinfo=UTC)},
        ),
    ],
)  # fmt: skip
def test_an_apache_template_as_pasted(template: str, line: str, expected: dict[str, Any]) -> None:
    event = read([line], Format(apache=template), timezone="Europe/Paris").row(0, named=True)
    assert {name: event[name] for name in expected} == expected
    assert event["source.ip"] == "192.0.2.1"


def test_a_regular_expression_with_named_groups() -> None:
    regex = r"^(?P<time>\S+) (?P<ip>\S+) (?P<user>\S+) (?P<method>\S+) (?P<path>\S+) (?P<duration_ms>\d+)$"
    event = read(["02.03.2026-10:15 192.0.2.1 anne GET /a 12"], Format(regex=regex, time_format="%d.%m.%Y-%H:%M"),
                 timezone="Europe/Paris").row(0, named=True)  # fmt: skip
    assert event["@timestamp"] == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert (event["user.name"], event["url.original"], event["event.duration"]) == ("anne", "/a", 12_000_000)


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ("combinde", "no such format: 'combinde', required one of auto, "),
        (Format(nginx="$remote_addr $request"), "holds no time stamp"),
        (Format(apache="%h %r"), "holds no time stamp"),
        (Format(regex="^(?P<ip>.*)$"), "a group named time"),
        (Format(regex="^(?P<time>.*) (?P<colour>.*)$"), "no such group: colour"),
        (Format(json_fields={"source.ip": "a"}), "@timestamp"),
        (Format(json_fields={"@timestamp": "t", "colour": "a"}), "no such column: colour"),
    ],
)
def test_a_description_that_is_none_is_a_fault_that_says_what_is_required(described: str | Format, says: str) -> None:
    with pytest.raises(DetectorError, match=says.replace("(", r"\(")):
        choose_format(framed([]), Input(format=described))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        ("clf", "02/Mar/2026:09:15:00 +0130", utc(2026, 3, 2, 7, 45)),
        ("iso", "2026-03-02T09:15:00Z", utc(2026, 3, 2, 9, 15)),
        ("iso", "2026-03-02T09:15:00.123456789+01:00", utc(2026, 3, 2, 8, 15, 0, 123_456)),
        ("iso", "2026-03-02 09:15:00,250", utc(2026, 3, 2, 8, 15, 0, 250_000)),
        ("iso", "2026-03-29 02:30:00", utc(2026, 3, 29, 1, 30)),  # the hour that spring leaves out
        ("iso", "2026-10-25 02:30:00", utc(2026, 10, 25, 0, 30)),  # the hour that autumn has twice: its first
        ("iso", "2026-07-01 12:00:00", utc(2026, 7, 1, 10)),
        ("epoch", "1772442900", utc(2026, 3, 2, 9, 15)),
        ("epoch", "1772442900.5", utc(2026, 3, 2, 9, 15, 0, 500_000)),
        ("epoch", "1772442900500", utc(2026, 3, 2, 9, 15, 0, 500_000)),
        ("epoch_ms", "1772442900500", utc(2026, 3, 2, 9, 15, 0, 500_000)),
        ("syslog", "Mar  1 04:07:11", utc(2026, 3, 1, 3, 7, 11)),
        ("syslog", "Dec 31 23:59:59", utc(2025, 12, 31, 22, 59, 59)),
        ("epoch", "nan", None),
        ("epoch", "1e300", None),
        ("iso", "9999-01-01T00:00:00Z", None),
        ("iso", "", None),
    ],
)
def test_time_stamps(kind: str, written: str, meant: datetime | None) -> None:
    setting = TimeSetting(zone="Europe/Paris", reference=utc(2026, 3, 5))
    for texts in ([written], [written] * 50, [None, written]):
        assert read_times(pl.Series(texts, dtype=pl.String), (kind,), setting)[-1] == meant


def test_the_29th_of_february_is_of_the_last_leap_year() -> None:
    setting = TimeSetting(reference=utc(2025, 1, 5))
    assert read_times(pl.Series(["Feb 29 12:00:00"]), ("syslog",), setting)[0] == utc(2024, 2, 29, 12)


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([LINE.format(1)], "combined"),
        ([LINE.format(1).partition(' "-"')[0]], "common"),
        ([LINE.format(1) + " 0a1b2c3d4e"] * 3, "combined_session"),
        (["portal.example " + LINE.format(1)] * 3, "combined_vhost"),
        (["#Software: IIS", "#Fields: date time c-ip cs-method", "2026-03-02 09:15:00 192.0.2.1 GET"], "w3c"),
        (['{"time_iso8601":"2026-03-02T09:15:00Z","remote_addr":"192.0.2.1","request":"GET / HTTP/1.1"}'], "json"),
        ([LINE.format(1), "noise", LINE.format(2)], "combined"),
    ],
)
def test_the_first_lines_tell_the_format_and_a_sentence_says_why(lines: list[str], name: str) -> None:
    chosen, why = choose_format(framed(lines), Input())
    assert chosen.name == name
    assert why.startswith(f"{name}: it reads ")


@pytest.mark.parametrize(("fields", "name"), [("date time c-ip", "w3c"), ("date time x-edge-location", "cloudfront")])
def test_directives_alone_tell_the_format_too(fields: str, name: str) -> None:
    assert choose_format(framed(["#Version: 1.0", f"#Fields: {fields}"]), Input())[0].name == name


def test_lines_of_no_known_format_are_no_crash() -> None:
    chosen, why = choose_format(framed(["noise", "more noise"]), Input())
    assert chosen.name == "combined"
    assert "no known format reads any of the first 2 lines" in why


def test_every_named_format_can_be_built() -> None:
    for name in names():
        chosen, _ = choose_format(framed([]), Input(format=name))
        assert chosen.name == ("combined" if name == "auto" else name)


def test_no_action_is_both_a_log_on_and_a_log_off() -> None:
    assert not LOGON_ACTIONS & LOGOFF_ACTIONS


def test_an_unquoted_list_or_name_pushes_no_field_one_place_on() -> None:
    template = '%{X-Forwarded-For}i %h %l %u %t "%r" %>s %b'
    rest = '10.0.0.5 - bob [10/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5'
    lines = pl.DataFrame({"line": [f"1.2.3.4, 9.9.9.9 {rest}", f"1.2.3.4 9.9.9.9 {rest}", f"- {rest}"]})
    lines = lines.with_columns(pl.lit(0, pl.Int64).alias("log.offset"))
    chosen, _ = choose_format(lines, Input(format=Format(apache=template)))
    parsed = parse(lines, chosen, path="access.log")
    assert parsed.rejects.height == 1
    assert parsed.events["source.ip"].to_list() == ["10.0.0.5"] * 2
    assert parsed.events["user.name"].to_list() == ["bob"] * 2
    assert parsed.events["portal.forwarded_for"].to_list() == ["1.2.3.4, 9.9.9.9", None]
