"""Every line that the page on web servers shows is read, with the configuration beside it, as the page says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.cli.docs import pages

TEXT = pages()["webservers"].read_text("utf-8")
PARTS = re.findall(r"(?:```yaml\n([^`]*?)```\n\n)?```log ?(\w*)\n(.*?)```", TEXT, re.DOTALL)
AGENTS = {"Firefox/Linux", "Firefox/Windows"}


def events(given: str, lines: str, folder: Path) -> list[dict]:
    (folder / "detector.yml").write_text(given or "{}")
    (folder / "access.log").write_text(lines)
    done = CliRunner().invoke(main, ["parse", str(folder / "access.log"), "--config", str(folder / "detector.yml")])
    assert done.exit_code == 0, done.output
    assert " 0 not read" in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_page_shows_lines_of_every_server():
    assert len(PARTS) == TEXT.count("```log") == 16


@pytest.mark.parametrize(("given", "kind", "lines"), PARTS, ids=[part[2][:25] for part in PARTS])
def test_a_line_is_read(given, kind, lines, tmp_path):
    (event,) = events(given, lines, tmp_path)
    assert event["source.ip"] == "198.51.100.7"
    assert event["@timestamp"].startswith("2026-03-02T0") or "LLNG" in lines  # syslog's stamps have no year
    assert event.get("user.name") == (None if kind == "anonymous" else "dr.martin")
    if kind == "logon":
        assert event["portal.action"] == "logon"
        assert event["event.outcome"] == ("failure" if "Bad" in lines else "success")
    else:
        assert event["portal.action"] == "record_view"
        assert len(event["portal.subject"]) == 32
        assert "user_agent.original" not in event or event["portal.client"] in AGENTS
    assert ("s1a2b3c4d5" in lines) == ("portal.session" in event)
    assert "B1234567" not in json.dumps(event)


def block(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)
    return found


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_takes_its_lines(tmp_path):
    text = block("nginx").replace("/var/log/nginx", str(tmp_path)) + block("nginx-syslog")
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{\n{text}}}\n")
    command = ["nginx", "-t", "-e", str(tmp_path / "error.log"), "-p", str(tmp_path), "-c", "nginx.conf"]
    subprocess.run(command, capture_output=True, check=True)


@pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
def test_haproxy_takes_its_lines(tmp_path):
    text = "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend portal\n"
    (tmp_path / "haproxy.cfg").write_text(f"{text} bind 127.0.0.1:1\n default_backend x\n{block('haproxy')}backend x\n")
    subprocess.run(["haproxy", "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, check=True)


@pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
def test_haproxy_takes_its_ring(tmp_path):
    listening = (
        "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten x\n bind :1\n"
    )
    (tmp_path / "haproxy.cfg").write_text(block("haproxy-syslog") + listening)
    subprocess.run(["haproxy", "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, check=True)


MODULES = Path("/usr/lib/apache2/modules")


@pytest.mark.skipif(not shutil.which("apache2") or not MODULES.is_dir(), reason="Apache is not installed")
def test_apache_takes_its_lines(tmp_path):
    loaded = "\n".join(f"LoadModule {one}_module {MODULES}/mod_{one}.so" for one in ("mpm_event", "authz_core"))
    text = block("apache").replace("/var/log/apache2", str(tmp_path))
    (tmp_path / "apache.conf").write_text(f"{loaded}\nServerName portal.example.org\nErrorLog {tmp_path}/e\n{text}")
    done = subprocess.run(["apache2", "-t", "-f", str(tmp_path / "apache.conf")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
