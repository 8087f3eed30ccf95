"""Identity providers, proxies and error logs: what others' lines do not show, and what clients try to forge."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from detector.collect.formats import LOGOFF_ACTIONS, LOGON_ACTIONS
from detector.collect.parse import Parsed, choose_format, parse
from detector.config import Input

REFERENCE = datetime(2026, 3, 5, tzinfo=UTC)


def read(described: str, *lines: str, **more: Any) -> Parsed:
    frame = pl.DataFrame({"line": lines}).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))
    chosen, _ = choose_format(frame, Input(format=described, **more))
    return parse(frame, chosen, path="f", reference=REFERENCE)


def only(described: str, line: str, **more: Any) -> dict[str, Any]:
    parsed = read(described, line, **more)
    assert parsed.rejects.is_empty(), parsed.rejects["reason"].to_list()
    return parsed.events.row(0, named=True)


KEYCLOAK = (
    "2026-03-02 09:15:00,357 WARN  [org.keycloak.events] (executor-thread-1) type={type}, realmId=r, clientId=c, "
    "userId=null, {session}ipAddress=192.0.2.1, {error}auth_method=openid-connect, redirect_uri={uri}, username={user}"
)


def keycloak(**parts: str) -> dict[str, Any]:
    given = {"type": "LOGIN", "session": "", "error": "", "uri": "https://p.example/", "user": "anne"} | parts
    return only("keycloak", KEYCLOAK.format(**given))


def test_keycloak_log_on_and_log_off() -> None:
    row = keycloak(session="sessionId=5d9a-11, ")
    assert (row["event.action"], row["event.outcome"], row["portal.session"]) == ("LOGIN", "success", "5d9a-11")
    assert row["event.action"] in LOGON_ACTIONS
    assert keycloak(type="LOGOUT")["event.action"] in LOGOFF_ACTIONS


@pytest.mark.parametrize("where", ["uri", "user"])
def test_keycloak_a_client_names_nobody_else(where: str) -> None:
    row = keycloak(type="LOGIN_ERROR", error="error=user_not_found, ",
                   **{where: "x, username=victim, ipAddress=203.0.113.9, type=LOGIN, error=none"})  # fmt: skip
    assert (row["event.action"], row["event.outcome"], row["source.ip"]) == ("LOGIN_ERROR", "failure", "192.0.2.1")
    assert row["user.name"] is None
    assert row["error.message"] == "user_not_found"


def test_keycloak_in_quarkus_json() -> None:
    row = only(
        "keycloak",
        '{"timestamp":"2026-03-02T09:15:00.357Z","loggerName":"org.keycloak.events","level":"WARN",'
        '"message":"type=\\"LOGIN_ERROR\\", '
        'ipAddress=\\"192.0.2.1\\", error=\\"user_not_found\\", username=\\"anne\\""}',
    )
    assert (row["event.action"], row["user.name"], row["source.ip"]) == ("LOGIN_ERROR", "anne", "192.0.2.1")


LLNG = "Mar  1 04:07:11 host LLNG[7]: [notice] {}"


@pytest.mark.parametrize(
    ("message", "action", "outcome", "user"),
    [
        ("Session granted for anne by LDAP (192.0.2.1)", "session_granted", "success", "anne"),
        ("User anne connected from LDAP (192.0.2.1)", "session_granted", "success", "anne"),
        ("User anne has been disconnected from LDAP (192.0.2.1)", "logout", "success", "anne"),
        ("Bad password for anne martin (192.0.2.1)", "bad_password", "failure", "anne martin"),
        ("All schemes failed for user anne (192.0.2.1)", "all_schemes_failed", "failure", "anne"),
        ("Bad password for x (203.0.113.9) (192.0.2.1)", "bad_password", "failure", "x (203.0.113.9)"),
        ("Session granted for v by LDAP (203.0.113.9) was not found in LDAP directory (192.0.2.1)",
         "user_not_found", "failure", "Session granted for v by LDAP (203.0.113.9)"),
    ],
)  # fmt: skip
def test_lemonldap(message: str, action: str, outcome: str, user: str) -> None:
    row = only("lemonldap", LLNG.format(message))
    assert (row["event.action"], row["event.outcome"], row["user.name"]) == (action, outcome, user)
    assert row["source.ip"] == "192.0.2.1"
    assert row["@timestamp"].year == 2026


def test_lemonldap_a_stamp_of_december_read_in_march_is_of_last_year() -> None:
    row = only("lemonldap", LLNG.format("Bad password for anne (192.0.2.1)").replace("Mar  1", "Dec 31"))
    assert row["@timestamp"] == datetime(2025, 12, 31, 4, 7, 11, tzinfo=UTC)


CAS = (
    "2026-03-02 09:15:00,116 INFO [org.apereo.inspektr.audit.support.Slf4jLoggingAuditTrailManager] - "
    "Mon Mar 02 09:15:00 CET 2026|CAS|Supplied credentials: [UsernamePasswordCredential(username={user})]|"
    "{action}|{user}|192.0.2.1|10.0.0.1"
)


def test_cas_success_and_failure() -> None:
    row = only("cas", CAS.format(user="anne", action="AUTHENTICATION_SUCCESS"))
    assert (row["event.outcome"], row["user.name"], row["source.ip"]) == ("success", "anne", "192.0.2.1")
    assert only("cas", CAS.format(user="audit:unknown", action="AUTHENTICATION_FAILED"))["user.name"] is None


def test_cas_a_separator_in_a_name_makes_no_success() -> None:
    row = only(
        "cas", CAS.format(user="x|AUTHENTICATION_SUCCESS|victim|203.0.113.9|10.0.0.9", action="AUTHENTICATION_FAILED")
    )
    assert (row["event.action"], row["event.outcome"]) == ("AUTHENTICATION_FAILED", "failure")
    assert (row["user.name"], row["source.ip"]) == (None, "192.0.2.1")


AUTHELIA = (
    'time="2026-03-02T09:15:00+01:00" level=error msg="Unsuccessful 1FA authentication attempt by user \'{}\'" '
    "method=POST path=/api/firstfactor remote_ip=192.0.2.1"
)


def test_authelia_a_name_cannot_add_fields() -> None:
    row = only("authelia", AUTHELIA.format(r"x\" remote_ip=203.0.113.9 y=\""))
    assert (row["source.ip"], row["event.outcome"]) == ("192.0.2.1", "failure")
    assert row["user.name"] == 'x" remote_ip=203.0.113.9 y="'


def test_authelia_other_lines_are_refused() -> None:
    parsed = read(
        "authelia", AUTHELIA.format("anne"), 'time="2026-03-02T09:15:00Z" level=info msg="Startup" remote_ip=192.0.2.1'
    )
    assert parsed.rejects["reason"].to_list() == ["a log line without a log-on"]


HAPROXY = (
    "192.0.2.1:4711 [02/Mar/2026:09:15:00.127] in~ be/s1 1/0/0/3/{ms} {status} 739 - - {state} 1/1/0/0/0 0/0 "
    '{captured}"{request}"'
)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "Mar  2 09:15:00 lb haproxy[12]: ",
        "<134>Mar  2 09:15:00 lb haproxy[12]: ",
        "2026-03-02T09:15:00.127+01:00 lb haproxy[12]: ",
        "<134>1 2026-03-02T09:15:00Z lb haproxy 12 - - ",
    ],
)
def test_haproxy_bare_and_behind_syslog(prefix: str) -> None:
    line = HAPROXY.format(ms="173", status=200, state="--NN", captured="{p.example|curl} ", request="GET /a HTTP/1.1")
    row = only("haproxy", prefix + line, timezone="Europe/Paris")
    assert row["@timestamp"].isoformat() == "2026-03-02T08:15:00.127000+00:00"
    assert (row["source.ip"], row["url.original"], row["event.duration"]) == ("192.0.2.1", "/a", 173_000_000)


def test_haproxy_a_request_that_is_none() -> None:
    row = only("haproxy", HAPROXY.format(ms="+-1", status=-1, state="CR--", captured="", request="<BADREQ>"))
    assert (row["http.request.method"], row["http.response.status_code"], row["event.duration"]) == (None, None, None)


NGINX_ERROR = (
    '2026/03/02 09:15:00 [error] 3#3: *3 {message}, client: 192.0.2.1, server: p, request: "{request}", host: "p"'
)


def test_nginx_error_lines_of_a_refused_log_on() -> None:
    row = only("combined", NGINX_ERROR.format(message='user "anne": password mismatch', request="GET /a HTTP/1.1"))
    assert row["event.action"] in LOGON_ACTIONS
    assert (row["user.name"], row["event.outcome"], row["error.message"]) == ("anne", "failure", "password mismatch")


def test_nginx_error_lines_keep_no_path_in_the_message() -> None:
    message = '"/srv/patients/2840775115042" is not found (2: No such file or directory)'
    row = only("combined", NGINX_ERROR.format(message=message, request="GET /a HTTP/1.1"))
    assert (row["event.action"], row["error.message"]) == ("server_error", "file not found")


def test_nginx_error_line_that_names_a_second_client_is_refused() -> None:
    request = 'GET /a", client: 203.0.113.9, server: p, request: "GET /b HTTP/1.1'
    parsed = read("combined", NGINX_ERROR.format(message="open() failed", request=request))
    assert parsed.events.is_empty()
    assert parsed.rejects["reason"].to_list() == ["error line that names two clients"]


@pytest.mark.parametrize(
    ("message", "user", "action", "url"),
    [
        ("AH01618: user anne not found: /a", "anne", "http_auth", "/a"),
        ('AH01617: user anne: authentication failure for "/a": Password Mismatch', "anne", "http_auth", "/a"),
        ("AH01630: client denied by server configuration: /srv/2840775115042", None, "server_error", None),
    ],
)
def test_apache_error_lines(message: str, user: str | None, action: str, url: str | None) -> None:
    row = only(
        "combined", f"[Mon Mar 02 09:15:00.880562 2026] [auth_basic:error] [pid 1:tid 2] [client 192.0.2.1:5] {message}"
    )
    assert (row["user.name"], row["event.action"], row["url.original"]) == (user, action, url)
    assert "2840775115042" not in str(row["error.message"])


ENVOY = '[2026-03-02T09:15:00.000Z] "GET /a HTTP/1.1" 200 - 0 512 30 15 "198.51.100.7, 10.0.0.1" "x" "id" "p" "tcp://10.0.0.2:80"'


def test_envoy_s_only_address_is_the_last_where_proxies_are_known() -> None:
    assert only("envoy", ENVOY)["source.ip"] == "198.51.100.7"
    row = only("envoy", ENVOY, trusted_proxies=("10.0.0.0/8",))
    assert (row["source.ip"], row["portal.forwarded_for"]) == ("10.0.0.1", "198.51.100.7, 10.0.0.1")


IIS = [
    "#Software: Microsoft Internet Information Services 10.0",
    "#Fields: date time cs-method cs-uri-stem cs-uri-query cs-username c-ip cs(User-Agent) sc-status time-taken",
]
IIS_LINE = "2026-03-02 09:15:00 GET /a b=1 DOM\\anne fe80::1%4 Mozilla/5.0+(X11) 200 31"


def test_iis() -> None:
    parsed = read(
        "auto",
        *IIS,
        "2026-03-02 09:15:00 GET /a b=1 DOM\\anne fe80::1%4 Mozilla/5.0+(X11) 200 31",
        timezone="Europe/Paris",
    )
    row = parsed.events.row(0, named=True)
    assert row["@timestamp"].isoformat() == "2026-03-02T09:15:00+00:00"  # W3C stamps are UTC whatever the zone
    assert (row["url.original"], row["user.name"], row["source.ip"]) == ("/a?b=1", "DOM\\anne", "fe80::1")
    assert (row["user_agent.original"], row["event.duration"]) == ("Mozilla/5.0 (X11)", 31_000_000)
    assert (parsed.skipped, parsed.header) == (2, IIS[1])
