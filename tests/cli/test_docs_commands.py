"""What the pages tell people to type is a command, and much of it is typed here; their configuration is read."""

import json
import re
import shlex
import shutil
import subprocess
from glob import glob
from pathlib import Path
from textwrap import dedent

import click
import polars as pl
import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.cli.docs import pages
from detector.config import load
from detector.inquire.scope.finding import from_json

PAGES = sorted(set(pages()) - {"aipd", "datasets"})
"""Those that show commands or configuration; `aipd` is a form to fill in, `datasets` is about the laboratory."""

BLOCK = re.compile(r"^ *```([\w. -]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)

INCIDENT = re.search(r"detector explain ([0-9a-f]{20})", pages()["quickstart"].read_text("utf-8"))[1]
"""The one in the samples that ship, in every page."""


def blocks(page: str, kind: str) -> list[str]:
    return [dedent(body) for of, body in BLOCK.findall(pages()[page].read_text("utf-8")) if of == kind]


def commands(page: str) -> list[list[str]]:
    """The command lines, each as words."""
    return [shlex.split(line, comments=True) for body in blocks(page, "sh") for line in body.splitlines() if line]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one(page, parsed):
    for program, *words in commands(page):
        assert program in {"detector", "pip", "nats"}
        if program == "detector":
            parsed(words[: words.index(">")] if ">" in words else words)


@pytest.mark.parametrize("page", PAGES)
def test_commands_named_in_the_text_exist(page):
    named = re.findall(r"`detector ([a-z][a-z ]*)", BLOCK.sub("", pages()[page].read_text("utf-8")))
    for words in map(str.split, named):
        command, context = main, click.Context(main)
        for word in words:
            if isinstance(command, click.Group):
                command = command.get_command(context, word)
        assert command is not None, words


def test_the_pages_show_commands_and_configuration():
    assert sum(len(commands(page)) for page in PAGES) > 50
    assert sum(len(blocks(page, "yaml")) for page in PAGES) > 30


@pytest.mark.parametrize("page", PAGES)
def test_every_configuration_is_read(page, tmp_path):
    for number, body in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yml"
        path.write_text(body)
        load(path)


def anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page):
    path = pages()[page]
    for name, _, anchor in (link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text())):
        target = path.parent / name if name else path
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), anchor


def run(words: list[str], code: int = 0) -> click.testing.Result:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, (words, result.output)
    return result


@pytest.fixture
def operator(log, tmp_path, monkeypatch) -> dict[str, str]:
    """A detector that has raised an alert, and what stands in its places for the examples of the pages."""
    monkeypatch.chdir(tmp_path)
    run(["key", "new", "subject.key"])
    (tmp_path / "detector.yml").write_text("portal: {key: {file: subject.key}}\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "access.log").write_bytes(log.read_bytes())
    (tmp_path / "my-rules").mkdir()
    run(["batch", "logs", "--config", "detector.yml", "--state", "state", "--alerts", "alerts.jsonl"])
    alert = json.loads((tmp_path / "alerts.jsonl").read_text().splitlines()[0])
    parsed = run(["parse", "logs", "--config", "detector.yml"]).stdout.encode()
    pl.read_ndjson(parsed).select("portal.subject").unique().write_csv("march.csv")
    return {
        "/etc/portal-detector/": f"{tmp_path}/",
        "/var/lib/detector": f"{tmp_path}/state",
        "/var/log/nginx/": f"{tmp_path}/logs/",
        "/etc/nginx/": f"{tmp_path}/",
        "/root/": f"{tmp_path}/",
        "ph600005": alert["user"]["name"],
        INCIDENT: alert["portal"]["incident"]["id"],
    }


def filled(word: str, places: dict[str, str]) -> list[str]:
    for theirs, ours in places.items():
        word = word.replace(theirs, ours)
    return sorted(glob(word)) if "*" in word else [word]


def typed(words: list[str], places: dict[str, str]) -> None:
    """Run a command as a shell would, with what stands for the examples."""
    line = [one for word in words for one in filled(word, places)]
    if ">" in line:
        *line, _, target = line
        Path(target).write_bytes(run(line).stdout_bytes)
    else:
        run(line)


def test_the_playbook_is_played(operator, tmp_path):
    run(["key", "rotate", "subject.key"])
    for _, *words in commands("playbook"):
        typed(words, operator)
    finding = from_json((tmp_path / "finding.json").read_text(), where="finding.json")
    letters = pl.read_csv(tmp_path / "letters.csv", infer_schema=False)
    assert letters["identifier"].null_count() == 0
    assert letters["identifier"].n_unique() == len(letters) == finding.subjects.count > 1500
    assert "[À COMPLÉTER" in (tmp_path / "cnil.md").read_text("utf-8")
    joined = pl.read_csv(tmp_path / "march.now.csv")
    assert joined["portal.subject"].n_unique() == len(joined) > 1500


def test_the_quick_start_is_started(operator, tmp_path, monkeypatch):
    """On the samples that ship, in an empty folder; the incident's id is the one that their log has now."""
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    (tmp_path / "logs").rename("archive")
    Path("detector.yml").write_text(blocks("quickstart", "yaml")[0])
    places = {"/var/log/nginx/": "archive/"}
    for _, *words in commands("quickstart"):
        typed(words, places)
        if "alerts.jsonl" in words and "sample_logs" in words:
            alert = json.loads(Path("alerts.jsonl").read_text().splitlines()[0])
            places[INCIDENT] = alert["portal"]["incident"]["id"]
            assert alert["user"]["name"] == "ph600005"
    assert Path("report.html").stat().st_size > 10_000
    assert len(pl.read_csv("persons.csv")) > 700
    assert "_DETECTOR_COMPLETE" in Path("detector.bash").read_text()


def test_the_rule_of_the_page_is_one(operator, tmp_path):
    (tmp_path / "logs").rename("archive")
    Path("my-rules/invoices.yml").write_text(blocks("rules", "yaml rule")[0])
    told = run(["rules", "test", "--rules", "my-rules", "--rule", "invoice_file_at_night"])
    assert told.stdout == "1 rules, 3 tests passed\n"
    assert told.stderr == ""  # it lacks nothing
    for _, *words in commands("rules"):
        if words[:2] != ["rules", "tune"]:
            typed(words, operator)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path):
    text = pages()["service"].read_text("utf-8")
    units = {kind.split()[1]: body for kind, body in BLOCK.findall(text) if kind.startswith("ini ")}
    assert len(units) == 3
    program = shutil.which("true")
    for name, body in units.items():
        found = re.sub(r"(?<=^ExecStart=)\S+", program, body, flags=re.MULTILINE)
        (tmp_path / name).write_text(found)
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)]
    done = subprocess.run(command, capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if "portal-detector" in line]
    assert (done.returncode, told) == (0, []), done.stderr


@pytest.mark.parametrize("unit", ["portal-detector.service", "portal-detector-once.service"])
def test_what_the_units_start_is_a_command(unit, parsed):
    (body,) = blocks("service", f"ini {unit}")
    (line,) = re.findall(r"^ExecStart=(.*)$", body, re.MULTILINE)
    parsed(shlex.split(line)[1:])


def test_the_commands_on_keys_work(operator, tmp_path):
    for _, *words in commands("privacy"):
        if words[:2] == ["key", "new"]:
            words = [word.replace("subject.key", "another.key") for word in words]
        if words[:2] == ["key", "audit"]:
            run(["reveal", "march.now.csv", "--key", "subject.key", "--reason", "Case 12", "--from", "logs"])
        typed(words, operator)
    assert (tmp_path / "another.key").exists()
    assert pl.read_csv(tmp_path / "march.now.csv")["portal.subject"].null_count() == 0
