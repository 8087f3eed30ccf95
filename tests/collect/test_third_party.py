"""Read real lines of every server as another project reads them, field by field.

`results[stage][parser][i].Evt.Parsed["name"]` and `.Meta["name"]` of each `parser.assert` are compared with our
columns by one table, in every stage that the other project calls a success.
"""

import gzip
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from detector.cli.events import write_events
from detector.collect.formats.addresses import canonical
from detector.collect.parse import choose_format, parse
from detector.config import Config, Input
from detector.telemetry import Telemetry

DATA = Path(__file__).parents[3] / "shared" / "data" / "third_party"
HUB = DATA / "crowdsec_hub"
FOLDERS = sorted(folder.name for folder in HUB.iterdir()) if HUB.is_dir() else []
NAMED = {
    "apache2-logs": "combined",
    "apereo-cas-audit-logs": "cas",
    "authelia-logs": "authelia",
    "aws-alb-logs": "aws_alb",
    "aws-cloudfront-logs": "cloudfront",
    "caddy-logs": "caddy",
    "envoy-logs": "envoy",
    "haproxy-logs": "haproxy",
    "keycloak-logs": "keycloak",
    "lemonldap-ng-logs": "lemonldap",
    "nginx-proxy-manager-logs": "nginx_proxy_manager",
    "nginx_http-logs": "combined",
    "traefik_clf": "traefik",
    "traefik_json": "traefik",
}
needs_data = pytest.mark.skipif(not FOLDERS, reason=f"the third-party lines are not there: {HUB}")

Row = dict[str, Any]
Expected = Callable[[str], Any]
STAMPS = (
    "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S", "%a %b %d %H:%M:%S.%f %Y",
)  # fmt: skip


def text(written: str) -> str | None:
    return None if written in {"-", ""} else written


def number(written: str) -> int | None:
    return None if written == "-" else int(written)


def moment(written: str) -> datetime:
    for pattern in STAMPS:
        try:
            found = datetime.strptime(re.sub(r"(\.\d{6})\d+", r"\1", written), pattern)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    raise AssertionError(f"a time stamp of no kind known to the test: {written}")


def nanoseconds(per_second: float) -> Expected:
    return lambda written: round(float(written) * 1e9 / per_second)


TABLE: dict[str, tuple[str, Expected]] = {
    **dict.fromkeys(("Enriched.MarshaledTime", "Meta.timestamp", "Parsed.timestamp"), ("@timestamp", moment)),
    **dict.fromkeys(
        ("Parsed.time_local", "Parsed.time", "Parsed.datetime", "Parsed.accept_date"), ("@timestamp", moment)
    ),
    **dict.fromkeys(("Meta.source_ip", "Parsed.remote_addr", "Parsed.clientip", "Parsed.client"), ("source.ip", text)),
    **dict.fromkeys(("Parsed.client_ip", "Parsed.c_ip", "Parsed.src_ip", "Parsed.cas_client_ip"), ("source.ip", text)),
    "Parsed.remote_ip": ("source.ip", text),
    "Parsed.x_forwarded_for": ("portal.forwarded_for", text),
    **dict.fromkeys(("Parsed.auth", "Parsed.remote_user", "Parsed.user", "Parsed.username"), ("user.name", text)),
    **dict.fromkeys(("Parsed.cas_invalid_user", "Meta.user", "Meta.username", "Meta.target_user"), ("user.name", text)),
    **dict.fromkeys(("Parsed.verb", "Parsed.http_verb", "Meta.http_verb"), ("http.request.method", text)),
    **dict.fromkeys(("Parsed.http_method", "Parsed.cs_method"), ("http.request.method", text)),
    **dict.fromkeys(("Meta.http_path", "Parsed.http_request", "Parsed.target_uri"), ("url.original", text)),
    "Parsed.request": ("url.path or url.original", text),
    "Parsed.cs_uri_stem": ("url.path", text),
    **dict.fromkeys(("Parsed.http_args", "Parsed.cs_uri_query"), ("url.query", text)),
    **dict.fromkeys(("Parsed.target_fqdn", "Meta.target_fqdn", "Meta.http_host"), ("url.domain", text)),
    **dict.fromkeys(("Parsed.host", "Parsed.request_addr", "Parsed.x_host_header"), ("url.domain", text)),
    **dict.fromkeys(("Parsed.http_version", "Parsed.httpversion"), ("http.version", text)),
    "Parsed.cs_protocol_version": ("http.version", lambda written: written.removeprefix("HTTP/")),
    **dict.fromkeys(("Parsed.status", "Parsed.response", "Meta.http_status"), ("http.response.status_code", number)),
    **dict.fromkeys(("Parsed.http_status_code", "Parsed.elb_status_code"), ("http.response.status_code", number)),
    "Parsed.sc_status": ("http.response.status_code", number),
    **dict.fromkeys(
        ("Parsed.body_bytes_sent", "Parsed.bytes", "Parsed.bytes_read"), ("http.response.body.bytes", number)
    ),
    **dict.fromkeys(
        ("Parsed.bytes_sent", "Parsed.sent_bytes", "Parsed.sc_bytes"), ("http.response.body.bytes", number)
    ),
    **dict.fromkeys(("Parsed.referrer", "Parsed.http_referer", "Parsed.cs_referer"), ("http.request.referrer", text)),
    **dict.fromkeys(("Parsed.http_user_agent", "Meta.http_user_agent"), ("user_agent.original", text)),
    "Parsed.cs_user_agent": ("user_agent.original", text),
    **dict.fromkeys(("Parsed.request_duration_in_ms", "Parsed.duration"), ("event.duration", nanoseconds(1e3))),
    "Parsed.time_duration": ("event.duration", nanoseconds(1e3)),
    "Parsed.time_taken": ("event.duration", nanoseconds(1.0)),
    "Parsed.auth_status": ("event.outcome", lambda written: "success" if written == "Successful" else "failure"),
    "Meta.sub_type": ("event.outcome", lambda _: "failure"),
    "Meta.error": ("error.message", text),
}
"""Their field: our column, and how what they assert is written there."""

LOG_TYPES: dict[str, Row] = {
    "http_access-log": {"event.action": None},
    "http_error-log": {"event.outcome": "failure"},
    "bad_ssl_handshake": {"event.action": "tls_handshake", "event.outcome": "failure"},
    "cas_failed-auth": {"event.action": "AUTHENTICATION_FAILED", "event.outcome": "failure"},
    "LOGIN_ERROR": {"event.action": "LOGIN_ERROR", "event.outcome": "failure"},
    "llng_auth_fail": {"event.outcome": "failure"},
    "auth_failed": {"event.outcome": "failure"},
    "auth_success": {"event.outcome": "success"},
}
"""What `Meta.log_type` says, in our columns."""

DIFFERENT = {
    (
        "aws-alb-logs",
        "Parsed.time",
    ): "when the answer left; the event is when the request came, as in their Meta.timestamp",
    ("aws-cloudfront-logs", "Parsed.time"): "the time of day without its date; compared as Meta.timestamp",
    ("traefik_json", "Parsed.request_duration_in_ms"): "Traefik's Duration is in nanoseconds, whatever they call it",
    ("envoy-logs", "Parsed.raw_remote_addr"): "the address before its port and brackets are taken off",
}
"""Folder and field: why it is not compared as in the table."""

NOT_KEPT = {
    "the server's own book-keeping": (
        "pid tid cid loglevel log_level module errorcode proxy_errorcode proxy_errormessage threadname program ident "
        "logsource logtag stream cri_timestamp request_id trace_id conn_trace_id parsed_message message "
        "number_of_requests_received_since_traefik_started x_edge_request_id x_edge_location"
    ),
    "a piece of a field that is kept whole": (
        "day month year haproxy_hour haproxy_milliseconds haproxy_minute haproxy_month haproxy_monthday "
        "haproxy_second haproxy_time haproxy_year clientport client_port remote_port port c_port scheme protocol type"
    ),
    "how a proxy reached the server behind it": (
        "actconn backend_name backend_queue beconn feconn frontend_name server_name srv_queue srvconn retries "
        "termination_state time_backend_connect time_backend_response time_queue time_request target_addr target_port "
        "target_list target_status_code target_status_code_list target_group_arn target_server target_processing_time "
        "request_processing_time response_processing_time upstream_cache_status upstream_host upstream_service_time "
        "upstream_status traefik_router_name traefik_router_name_root traefik_router_leaf traefik_router_intermediate "
        "traefik_router_name_leaf traefik_router_name_intermediate traefik_server_url service_addr dest_addr elb "
        "matched_rule_priority actions_executed redirect_url error_reason classification classification_reason "
        "chosen_cert_arn domain_name request_creation_time transformed_host transformed_uri request_transform_status "
        "response_flags cs_host http_port x_edge_result_type x_edge_response_result_type x_edge_detailed_result_type"
    ),
    "not needed to tell who looked at whom": (
        "ssl_cipher ssl_protocol gzip_ratio received_bytes bytes_received cs_bytes cs_protocol cs_cookie "
        "sc_content_len sc_content_type sc_range_start time_to_first_byte fle_status fle_encrypted_fields "
        "captured_request_cookie captured_response_cookie"
    ),
    "derived by their later stage from the path": (
        "file_dir file_ext file_frag file_name static_ressource impact_completion http_args_len"
    ),
    "theirs alone": "service datasource_path datasource_type log_format",
}
UNMAPPED = {name for words in NOT_KEPT.values() for name in words.split()}

ASSERTION = re.compile(
    r'^(?:basename\()?results\["(?P<stage>[^"]+)"\]\["(?P<parser>[^"]+)"\]\[(?P<at>\d+)\]'
    r'\.(?:Success|Evt\.(?P<part>Parsed|Meta|Enriched)\["(?P<field>[^"]+)"\]\)?) == (?P<value>.*)$'
)


def assertions(folder: str) -> list[tuple[str, Row]]:
    """Return, for each success of each stage, where it is and what it asserts, by `Part.field`."""
    steps: dict[str, Row] = defaultdict(dict)
    for line in (HUB / folder / "parser.assert").read_text("utf-8").splitlines():
        if match := ASSERTION.match(line):
            where = f"{match['stage']} {match['parser']} {match['at']}"
            field = f"{match['part']}.{match['field']}" if match["part"] else "Success"
            steps[where][field] = json.loads(match["value"], strict=False)
    return [(where, fields) for where, fields in steps.items() if fields.pop("Success")]


def lines_of(folder: str) -> list[str]:
    (path,) = (HUB / folder).glob("*.log")
    return path.read_text("utf-8").split("\n")


def framed(lines: list[str]) -> pl.DataFrame:
    lines = lines[:-1] if lines and not lines[-1] else lines
    return pl.DataFrame({"line": lines}).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))


def events_of(folder: str, described: str) -> dict[int, Row]:
    """Return the events by number of line."""
    frame = framed(lines_of(folder))
    chosen, _ = choose_format(frame, Input(format=described))
    parsed = parse(frame, chosen, path=folder, reference=datetime(2025, 6, 1, tzinfo=UTC))
    assert parsed.events.height + parsed.rejects.height + parsed.skipped == frame.height
    return {row["log.offset"]: row for row in parsed.events.rows(named=True)}


def line_number(folder: str, where: str, asserted: Row) -> int:
    """Find the line an assertion speaks of, by the message it carries."""
    message = asserted["Parsed.message"]
    lines = lines_of(folder)
    at = int(where.rpartition(" ")[2])
    if at < len(lines) and message in lines[at]:
        return at
    return next(number for number, line in enumerate(lines) if message in line)


def ours(row: Row, column: str, asserted: Any) -> Any:
    path, mark, query = (row["url.original"] or "").partition("?")
    if column == "url.path":
        return path
    if column == "url.query":
        return query if mark else None
    if column == "url.path or url.original":  # a later stage of theirs cuts the query off its `request`
        return path if asserted == path else row["url.original"]
    if column == "@timestamp" and not asserted.microsecond:  # theirs is cut to the second
        return row[column].replace(microsecond=0)
    return row[column]


@needs_data
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("by_name", [False, True], ids=["auto", "by name"])
def test_every_field_reads_as_asserted(folder: str, by_name: bool) -> None:
    events = events_of(folder, NAMED[folder] if by_name else "auto")
    compared = 0
    for where, asserted in assertions(folder):
        if where.startswith("s00"):
            continue  # nothing is read yet in their first stage
        row = events[line_number(folder, where, asserted)]
        for field, written in asserted.items():
            if field == "Meta.log_type":
                assert {name: row[name] for name in LOG_TYPES[written]} == LOG_TYPES[written], (where, field)
            elif field in TABLE and (folder, field) not in DIFFERENT:
                column, convert = TABLE[field]
                expected = convert(written)
                assert ours(row, column, expected) == expected, (where, field)
                compared += 1
    assert compared > 2 * len(events)


@needs_data
@pytest.mark.parametrize("folder", FOLDERS)
def test_lines_that_they_refuse_are_rejects(folder: str) -> None:
    read = {line_number(folder, where, asserted) for where, asserted in assertions(folder) if where.startswith("s01")}
    assert set(events_of(folder, "auto")) == read


@needs_data
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_field_is_compared_or_left_for_a_reason(folder: str) -> None:
    unknown = {
        field
        for where, asserted in assertions(folder)
        for field in asserted
        if not (
            field in TABLE
            or field == "Meta.log_type"
            or (folder, field) in DIFFERENT
            or field.partition(".")[2] in UNMAPPED
        )
    }
    assert not unknown


@needs_data
def test_differences_on_purpose_are_right_in_their_own_way() -> None:
    for where, asserted in assertions("traefik_json"):
        if "Parsed.request_duration_in_ms" in asserted:
            row = events_of("traefik_json", "auto")[line_number("traefik_json", where, asserted)]
            assert row["event.duration"] == int(asserted["Parsed.request_duration_in_ms"])
    for where, asserted in assertions("envoy-logs"):
        if "Parsed.raw_remote_addr" in asserted and "," not in asserted["Parsed.raw_remote_addr"]:
            row = events_of("envoy-logs", "auto")[line_number("envoy-logs", where, asserted)]
            assert row["source.ip"] == canonical(asserted["Parsed.raw_remote_addr"])


@needs_data
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_command_shows_every_line_that_is_read(folder: str) -> None:
    (path,) = (HUB / folder).glob("*.log")
    out = io.BytesIO()
    write_events([str(path)], Config(), Telemetry(), out)
    shown = [json.loads(line) for line in out.getvalue().splitlines()]
    read = list(events_of(folder, "auto").values())
    assert Counter(row.get("source.ip") for row in shown) == Counter(row["source.ip"] for row in read)
    assert Counter(row.get("user.name") for row in shown) == Counter(row["user.name"] for row in read)


@pytest.mark.skipif(not (DATA / "elastic_examples").is_dir(), reason=f"the Apache log is not there: {DATA}")
def test_ten_thousand_lines_are_ten_thousand_events() -> None:
    with gzip.open(DATA / "elastic_examples" / "apache_logs.gz", "rt", encoding="utf-8", newline="\n") as file:
        frame = framed(file.read().split("\n"))
    chosen, why = choose_format(frame, Input())
    parsed = parse(frame, chosen, path="apache_logs")
    assert chosen.name == "combined", why
    assert (parsed.events.height, parsed.rejects.height, parsed.skipped) == (10_000, 0, 0)
    assert parsed.events["source.ip"].null_count() == 0
    assert parsed.events["http.request.method"].null_count() == 0
