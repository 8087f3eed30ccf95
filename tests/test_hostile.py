"""The log is the attacker's pen: what he writes steers no terminal, forges no line and starts no formula anywhere."""

import ast
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.cli import main

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
STEERING = "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\\x9b31m\x90\x85\x08\x7f\u202egnp\u2066\u200f\ufeff"
FORGING = '\r\nCEF:0|x|y|z\u2028<14>1 - - - - -\x1e{"level":"critical"}\n2026-03-05T08:00:00Z INFO forged'
MARKUP = "<script>alert(1)</script>[x](http://evil.example)`|\"';deny all; }"
NAME = "=cmd|'/c calc'!A1" + STEERING + FORGING + MARKUP
NAMES = (NAME, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", STEERING, FORGING, MARKUP)
ATTACKER = "203.0.113.66"
WRITTEN_BY_THE_TEST = {"access.log", "detector.yml", "finding.json"}
ALLOWED = {"\n", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"}
"""The second and third stand in French figures."""


def line(at: datetime, user: str, person: int, *, address: str = "192.0.2.7", odd: str = "") -> str:
    return json.dumps(
        {
            "time_iso8601": at.isoformat(),
            "remote_addr": address,
            "remote_user": user,
            "request": f"GET /patients/185{person}/rights{odd and '?x=' + odd} HTTP/1.1",
            "status": 200,
            "http_user_agent": "Mozilla/5.0 (X11) Chrome/126.0" + odd,
            "http_referer": "https://p.example/" + odd,
            "cookie_session": f"s{user[:3]}" + odd,
            "http_x_forwarded_for": odd,
            "host": "p.example" + odd,
        }
    )


def written(names: tuple[str, ...] = NAMES) -> str:
    """Quiet days of all names, then each reads 300 files within minutes, from a new place."""
    quiet = [
        line(START + timedelta(days=day, minutes=7 * n), names[n % len(names)], 10_000_000_000 + n % 40)
        for day in range(3)
        for n in range(90)
    ]
    burst = [
        line(START + timedelta(days=3, seconds=n), user, 20_000_000_000 + n, address=ATTACKER, odd=STEERING + FORGING)
        for n in range(300)
        for user in names
    ]
    return "\n".join([*quiet, *burst, "no line " + STEERING, '{"time_iso8601": "' + STEERING + '"}']) + "\n"


STATE = ("--state", "state")


def run(*arguments: str) -> dict[str, bytes]:
    """Run a command as a person would, and return what it said."""
    done = CliRunner().invoke(main, [*arguments], env={"COLUMNS": "120"})
    assert done.exit_code == (1 if arguments[0] == "status" else 0), (
        arguments,
        done.output,
        done.exception,
    )  # it has ended
    name = " ".join(arguments)
    return {f"{name}: output": done.stdout_bytes, f"{name}: errors": done.stderr_bytes}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("hostile")
    before, mask = Path.cwd(), os.umask(0)
    os.chdir(folder)
    try:
        return _outputs(folder) | {"modes": modes(folder).encode()}
    finally:
        os.umask(mask)
        os.chdir(before)


def modes(folder: Path) -> str:
    """Name everything below a folder that others than its owner may read."""
    ours = [path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in WRITTEN_BY_THE_TEST]
    return "\n".join(f"{path} {path.stat().st_mode:o}" for path in ours if path.stat().st_mode & 0o077)


FORMATS = ("ecs", "ocsf", "cef", "leef", "cim", "asim", "gelf", "text")


def _outputs(folder: Path) -> dict[str, bytes]:
    Path("access.log").write_text(written(), "utf-8")
    sinks = [{"kind": "file", "name": form, "path": f"alerts.{form}", "format": form} for form in FORMATS]
    Path("detector.yml").write_text(json.dumps({"sinks": sinks}), "utf-8")
    files = ("--rejects", "rejects.jsonl", "--stats", "stats.json", "--report", "report.html", "--log-level", "debug")
    found = run("tail", "access.log", "--once", "--from-start", "--state", "state", "--config", "detector.yml", *files)
    incidents = json.loads(Path("state/status.json").read_bytes()) and _said(run("incidents", *STATE, "-o", "json"))
    one = next(one for one in json.loads(incidents) if one["account"].startswith("=cmd"))
    for form in ("text", "json"):
        for command in (
            *(
                ("incidents",),
                ("outbox", "list"),
                ("status",),
                ("explain", one["id"]),
                ("incidents", "show", one["id"]),
            ),
            *(("timeline", one["account"]), ("baseline", one["account"])),
            ("scope", "--incident", one["id"], "--output", f"{form}.csv", "access.log"),
        ):
            found |= run(*command, *STATE, "-o", form)
    Path("finding.json").write_bytes(
        found[f"scope --incident {one['id']} --output json.csv access.log {' '.join(STATE)} -o json: output"]
    )
    for whom in ("regulator", "controller"):
        for language in ("en", "fr"):
            found |= run("notify", "finding.json", "--for", whom, "--language", language)
    for form in ("text", "nginx", "nginx-map", "crowdsec", "stix"):
        found |= run("export", "blocklist", *STATE, "--format", form, "--output", f"block.{form}")
    found |= run("feedback", one["id"], "confirmed", "--note", NAME, *STATE)
    found |= run("incidents", *STATE, "--account", NAME)
    found |= run("parse", "access.log")
    told = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return found | {name: body for name, body in told.items() if name not in WRITTEN_BY_THE_TEST}


def _said(found: dict[str, bytes]) -> bytes:
    return next(body for name, body in found.items() if name.endswith("output"))


def steering(text: str) -> set[str]:
    odd = {"Cc", "Cf", "Zl", "Zp"}
    return {f"U+{ord(one):04X}" for one in text if unicodedata.category(one) in odd and one not in ALLOWED}


def named(outputs: dict[str, bytes], *ends: str) -> dict[str, str]:
    found = {name: body.decode() for name, body in outputs.items() if name.endswith(ends)}
    assert found, ends
    return found


def test_nothing_steers_a_terminal(outputs):
    separators = {"alerts.leef": "\t"}
    shown = {name: body.decode().replace(separators.get(name, "\n"), "\n") for name, body in outputs.items()}
    assert {name: found for name, text in shown.items() if (found := steering(text))} == {}


def test_no_line_is_forged(outputs):
    alerts = len(outputs["alerts.ecs"].splitlines())
    assert alerts > len(NAMES)
    begins = {"cef": "CEF:0|", "leef": "LEEF:", "ecs": "{", "ocsf": "{", "cim": "{", "asim": "{", "gelf": "{"}
    for form, begin in begins.items():
        lines = outputs[f"alerts.{form}"].decode().splitlines()
        assert len(lines) == alerts, form
        assert all(line.startswith(begin) for line in lines), form
    for text in named(
        outputs, "rejects.jsonl", ".ecs", ".ocsf", ".cim", ".asim", ".gelf", "parse access.log: output"
    ).values():
        assert all(isinstance(json.loads(one), dict) for one in text.splitlines())
    logs = [body.decode() for name, body in outputs.items() if name.startswith("tail") and name.endswith("errors")]
    assert not any(
        one.startswith(("2026-03-05T08:00:00Z INFO", "CEF:0|x", "<14>")) for text in logs for one in text.splitlines()
    )


def test_no_cell_is_a_formula(outputs):
    for name, text in named(outputs, ".csv").items():
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == [], name


def test_a_blocklist_holds_nothing_but_what_it_is_for(outputs):
    for text in outputs["block.nginx"].decode().splitlines():
        assert re.fullmatch(r"(?:#.*|deny [0-9a-f.:/]+;)?", text), text
    for text in outputs["block.nginx-map"].decode().splitlines():
        assert re.fullmatch(r"(?: *#.*|map \$\w+ \$\w+ \{|    default 0;|    [\w.:/@+-]+ 1;|\}|)", text), text
    listed = [text for text in outputs["block.text"].decode().splitlines() if text and not text.startswith("#")]
    assert listed
    assert set(listed) - {ATTACKER} <= {name.replace("\t", "\ufffd").replace("\r", "\ufffd") for name in NAMES}


def test_no_markup_is_obeyed(outputs):
    for name, text in named(outputs, "report.html").items():
        assert "alert(1)" in text, name
        assert "<script>alert" not in text, name
    for name, text in outputs.items():
        if name.startswith("notify"):
            assert not re.search(r"\]\(http://evil|<script", text.decode()), name


def test_everything_is_for_its_owner_only_whatever_the_umask(outputs):
    assert outputs["modes"] == b""


def test_no_network_and_no_privilege_is_needed(tmp_path):
    (tmp_path / "access.log").write_text(written(NAMES[:1]), "utf-8")
    bare = ["unshare", "--net", "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    if shutil.which("unshare") is None or subprocess.run([*bare, "true"], capture_output=True).returncode:
        pytest.skip("no network can be taken away from a process here: unshare and setpriv, as root")
    words = ["batch", "access.log", "--state", "state", "--alerts", "alerts.jsonl", "--report", "report.html"]
    done = subprocess.run(
        [*bare, sys.executable, "-m", "detector", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "alerts.jsonl").read_bytes()


PACKAGE = Path(__file__).parents[1] / "detector"
RUNS = {"eval", "exec", "compile", "__import__"}
UNPICKLES = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
LOADS = {"yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}


def test_nothing_is_evaluated_or_unpickled():
    suspect = re.compile(rf"\b({'|'.join([*RUNS, *UNPICKLES, 'yaml'])})\b")
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if suspect.search(text.replace("re.compile", "")) else ():
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in imported} & UNPICKLES, (path, node.lineno)
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in RUNS | LOADS, (path, node.lineno)
                assert called != "yaml.load" or "SafeLoader" in ast.unparse(node), (path, node.lineno)
