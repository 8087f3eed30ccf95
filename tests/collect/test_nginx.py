"""Drive a real nginx with hostile requests: each is one event or one reject, and none forges another's fields."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from detector.collect.parse import Parsed, choose_format, parse
from detector.config import Format, Input

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")

TEMPLATE = (
    '{"time":"$time_iso8601","remote_addr":"$remote_addr","remote_user":"$remote_user","request":"$request",'
    '"request_method":"$request_method","request_uri":"$request_uri","status":"$status","body_bytes_sent":"$body_bytes_sent",'
    '"http_referer":"$http_referer","http_user_agent":"$http_user_agent","http_x_forwarded_for":"$http_x_forwarded_for",'
    '"session":"$cookie_sid"}'
)
CONFIGURATION = """
daemon off; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {logged}
  server {{ listen 127.0.0.1:{port}; return 204; }}
}}
"""
LOGGED = """
  log_format js escape=json '{template}';
  log_format jsd '{template}';
  log_format sid '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                 '"$http_referer" "$http_user_agent" "$cookie_sid"';
  access_log {folder}/json.log js;
  access_log {folder}/json_default.log jsd;
  access_log {folder}/combined.log combined;
  access_log {folder}/session.log sid;
  keepalive_timeout 0;
"""
FORGED_JSON = b'","remote_addr":"9.9.9.9","remote_user":"victim","status":"299","request":"GET /forged HTTP/1.1'
FORGED_LINE = b'9.9.9.9 - victim [01/Jan/2020:00:00:00 +0000] "GET /forged HTTP/1.1" 299 1 "-" "-" "feedfeedfeed"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as sent, and the status that came back (None: the connection was closed without an answer)."""

    raw: bytes
    user: str | None
    agent: str | None
    status: int | None
    well_formed: bool


def basic(user: bytes) -> bytes:
    return b"Authorization: Basic " + base64.b64encode(user + b":secret")


def get(number: int, target: bytes = b"", *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET /m%d%s HTTP/1.1" % (number, target), b"Host: portal", *headers, b"", b""])


AGENTS = [
    b'x" 299 1 "-" "y',
    b'" 299',
    b"\\",
    b'\\"',
    b"\\x22",
    b'\\\\" 299',
    b"\\ud800",
    b"\\u0022,\\u0022status\\u0022",
    FORGED_JSON,
    FORGED_LINE,
    b"\xff\xfe\xfd",
    b"\xed\xa0\x80",
    b"h\xc3\xa9l\xc3\xa8ne",
    b"\xee\x80\x80",
    b"\xf0\x9f\x98\x80",
    b"tab\there",
    b"\x01\x02\x1b[2J",
    b"\x7f",
    b"{}",
    b"}",
    b'"}',
    b"'",
    b"#Fields: date time",
    b"\xc2\x85\xe2\x80\xa8",
]
USERS = [
    b"anne",
    b"anne martin",
    b'victim" 299',
    b"x [01/Jan/2020:00:00:00 +0000] ",
    FORGED_LINE,
    FORGED_JSON,
    b"\\",
    b"\\x22",
    b'\\"',
    b"h\xc3\xa9l\xc3\xa8ne",
    b"\xff",
    b"a\nb",
    b"a\r\n" + FORGED_LINE,
    b"\x1b[31mred",
    b"-",
    b"a - b",
    b"1.2.3.4 - victim",
]
TARGETS = [
    b"/%22%20299",
    b'/" 299 1 "-" "-',
    b"/\xff\xfe",
    b"/\\x22",
    b"/\\",
    b"/a?b=" + FORGED_JSON.replace(b" ", b"+"),
    b"/" + b"a" * 6000,
    b"/[x]",
    b"/\xc3\xa9",
    b"/a?q=%00",
]
BROKEN = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200, 240)),
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"-\r\n\r\n",
    b"GET /m HTTP/9.9\r\n\r\n",
    b"get /lower HTTP/1.1\r\nHost: p\r\n\r\n",
    b"GET /nul\x00 HTTP/1.1\r\nHost: p\r\n\r\n",
    b"GET /space in it HTTP/1.1\r\nHost: p\r\n\r\n",
    FORGED_LINE + b"\r\n\r\n",
    b"GET /old\r\n",
    b"GET /big HTTP/1.1\r\nHost: p\r\nUser-Agent: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET /" + b"b" * 100_000 + b" HTTP/1.1\r\nHost: p\r\n\r\n",
    b"GET /fold HTTP/1.1\r\nHost: p\r\nUser-Agent: a\r\n 9.9.9.9 - victim\r\n\r\n",
    b"GET /lf HTTP/1.1\nHost: p\nUser-Agent: a\n\n",
    b"GET http://9.9.9.9/absolute HTTP/1.1\r\nHost: p\r\n\r\n",
    b"CONNECT 9.9.9.9:443 HTTP/1.1\r\nHost: p\r\n\r\n",
]


def requests() -> list[tuple[bytes, bytes | None, bytes | None, bool]]:
    """Return raw requests with the user and client they name, and whether nginx should take them."""
    wanted: list[tuple[bytes, bytes | None, bytes | None, bool]] = []
    for agent in AGENTS:
        wanted.append((get(len(wanted), b"", b"User-Agent: " + agent), None, agent, True))
    for user in USERS:
        wanted.append((get(len(wanted), b"", basic(user), b"User-Agent: curl"), user, b"curl", True))
    for target in TARGETS:
        wanted.append((get(len(wanted), target), None, None, True))
    for header in (b"Referer: ", b"X-Forwarded-For: ", b"Cookie: sid="):
        for hostile in (FORGED_LINE, FORGED_JSON, b'"', b"\\", b"\xff"):
            wanted.append((get(len(wanted), b"", header + hostile), None, None, True))
    return wanted + [(raw, None, None, False) for raw in BROKEN]


def configure(folder: Path, port: int, logged: str, workers: int = 1) -> None:
    """Write the `nginx.conf` of a server that answers 204 to all; `logged` says what it logs, and where."""
    user = "user root;" if os.geteuid() == 0 else ""
    text = CONFIGURATION.format(folder=folder, port=port, logged=logged, workers=workers, user=user)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(port: int, deadline_s: float = 60.0) -> socket.socket:
    """Connect as soon as nginx listens; the kernel's refusal is what is waited on, not a fixed pause."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < until, "nginx does not listen"


def send(port: int, raw: bytes) -> int | None:
    """Send a request and read to the end; nginx has then written its log lines or will on closing."""
    with connect(port) as client:
        try:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            return None
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/") else None


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Sent]]:
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    folder.chmod(0o755)
    configure(folder, port, LOGGED.format(folder=folder, template=TEMPLATE))
    server = subprocess.Popen([str(NGINX), "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"])
    try:
        sent = [
            Sent(
                raw=raw,
                user=user and user.partition(b":")[0].decode("utf-8", "replace"),  # RFC 7617: a colon ends it
                agent=agent and agent.decode("utf-8", "replace"),
                status=send(port, raw),
                well_formed=well_formed,
            )
            for raw, user, agent, well_formed in requests()
        ]
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=60)
    return folder, sent


def read(folder: Path, name: str, described: str | Format, **settings: object) -> tuple[pl.DataFrame, Parsed]:
    """Read a log as `collect` does: lossy UTF-8, one column."""
    raw = (folder / name).read_bytes()
    lines = raw.decode("utf-8", "replace").split("\n")[:-1]
    frame = pl.DataFrame({"line": lines}).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("log.offset"))
    chosen, _ = choose_format(frame, Input(format=described, max_line_bytes=262_144))
    return frame, parse(frame, chosen, path=name)


WAYS = [
    ("json.log", "auto"),
    ("json.log", "json"),
    ("json.log", Format(nginx=TEMPLATE)),
    ("json_default.log", "json"),
    ("json_default.log", Format(nginx=TEMPLATE)),
    ("combined.log", "auto"),
    ("combined.log", "combined"),
    ("session.log", "combined_session"),
    (
        "session.log",
        Format(
            nginx='$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
            '"$http_referer" "$http_user_agent" "$cookie_sid"'
        ),
    ),
]
each_way = pytest.mark.parametrize(("name", "described"), WAYS)


@each_way
def test_every_request_is_one_event_or_one_reject(
    logs: tuple[Path, list[Sent]], name: str, described: str | Format
) -> None:
    folder, sent = logs
    frame, parsed = read(folder, name, described)
    assert parsed.events.height + parsed.rejects.height == frame.height
    assert parsed.skipped == 0
    answered = sum(one.status is not None for one in sent)
    assert answered <= frame.height <= len(sent)
    assert parsed.rejects.height == 0, parsed.rejects["reason"].unique().to_list()


@each_way
def test_no_request_forges_a_field(logs: tuple[Path, list[Sent]], name: str, described: str | Format) -> None:
    folder, _ = logs
    _, parsed = read(folder, name, described)
    events = parsed.events
    assert events["source.ip"].unique().to_list() == ["127.0.0.1"]
    assert 299 not in events["http.response.status_code"].to_list()
    assert "victim" not in events["user.name"].to_list()
    assert events["@timestamp"].dt.year().min() > 2020
    assert "/forged" not in events["url.original"].to_list()


@each_way
def test_fields_are_those_of_their_request(logs: tuple[Path, list[Sent]], name: str, described: str | Format) -> None:
    folder, sent = logs
    _, parsed = read(folder, name, described)
    taken = [one for one in sent if one.well_formed and one.status is not None]
    rows = parsed.events.rows(named=True)
    for at, (one, row) in enumerate(zip(taken, rows[: len(taken)], strict=True)):
        assert row["http.response.status_code"] == one.status
        if one.status == 204:
            assert row["url.original"].startswith(f"/m{at}"), one.raw[:200]
            assert row["http.request.method"] == "GET"
        if one.user is not None and one.user.isprintable() and one.user != "-" and "\ufffd" not in one.user:
            assert row["user.name"] == one.user
        if one.agent is not None and one.agent.isascii() and one.agent.isprintable():
            assert row["user_agent.original"] == one.agent
