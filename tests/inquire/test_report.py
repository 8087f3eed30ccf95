import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from click.testing import CliRunner

from detector import config as configuration
from detector.cli import main
from detector.cli.page import Page
from detector.inquire import state as states
from detector.inquire.chronicle import incidents
from detector.inquire.memory import Memory
from detector.inquire.report import write_report
from detector.inquire.report.campaigns import campaigns
from detector.inquire.report.countries import world
from detector.inquire.report.health import gaps, lag
from detector.inquire.report.markup import Html, joined, table
from detector.inquire.report.scale import nice, short
from detector.language import Words
from detector.pipeline import Pipeline
from detector.pipeline.live import tail
from detector.telemetry import Telemetry
from tests.inquire.conftest import START, abuse, line, quiet_day

CHROMIUM = shutil.which("chromium")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

HOSTILE = ("<script>document.title='had'</script>", "'><img/src=http://192.0.2.1/x>", "\u202egnp.exe")
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Tags(HTMLParser):
    """Collects elements and their attributes, and sees that all are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        return [attrs for name, attrs in self.seen if name == tag]


@pytest.fixture(scope="session")
def page(state, config, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    told = ["report", "--state", str(state), "--config", str(config), "--output", str(path)]
    result = CliRunner().invoke(main, told)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def hostile(config, tmp_path_factory):
    """Three accounts whose names are attacks on the reader, abused from one address."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [row for day in range(5) for row in quiet_day(day)]
    rows += [
        (START + timedelta(days=day, minutes=20 * n), user, f"198.51.100.{90 + at}", 10_000_000_900 + n)
        for day in range(5) for n in range(12) for at, user in enumerate(HOSTILE)
    ]  # fmt: skip
    for at, user in enumerate(HOSTILE):
        rows += abuse(4, user, "203.0.113.77", 30_000_000_000 + 10_000 * at)[:300]
    (folder / "access.log").write_text("\n".join(line(*row) for row in sorted(rows)) + "\n", "utf-8")
    given = ["--state", str(folder / "state"), "--config", str(config), "--alerts", str(folder / "alerts.jsonl")]
    told = ["batch", str(folder / "access.log"), *given, "--report", str(folder / "report.html")]
    result = CliRunner().invoke(main, told)
    assert result.exit_code == 0, result.output
    return folder


def memory_of(folder, config_file, database):
    return Memory.of_state(folder, database, configuration.load(config_file))


def test_every_incident_and_section_is_on_the_page(page, state):
    text = page.read_text("utf-8")
    with states.reading(state) as database:
        every = incidents(states.alerts(database))
    assert len(every) >= 5
    for one in every:
        assert f'id="i-{one.id}"' in text
    assert f"{len(every)} incidents are open" in text
    for section in ("shared", "incidents", "trends", "health"):
        assert f'<section id="{section}">' in text or section == "shared"
    assert page.stat().st_mode & 0o777 == 0o600


def test_nothing_on_the_page_runs_or_asks(page, hostile):
    for path in (page, hostile / "report.html"):
        text = path.read_text("utf-8")
        tags = Tags(text)
        assert {tag for tag, _ in tags.seen} & {"script", "img", "link", "iframe", "form", "object", "use"} == set()
        assert all(attrs["href"].startswith("#i-") for attrs in tags.named("a"))
        assert not [name for _, attrs in tags.seen for name in attrs if name.startswith("on") or name == "src"]
        assert "url(" not in text
        assert "@import" not in text
        (policy,) = [one for one in tags.named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
        assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_picture_has_words_and_a_table(page, hostile):
    for path in (page, hostile / "report.html"):
        tags = Tags(path.read_text("utf-8"))
        pictures = tags.named("svg")
        assert len(pictures) >= 5
        assert all(one["role"] == "img" and len(one["aria-label"]) > 20 for one in pictures)
        assert len(tags.named("figure")) == len(tags.named("figcaption")) == len(pictures)
        inside = re.findall(r"<figure>.*?</figure>", path.read_text("utf-8"), re.S)
        assert all("<details>" in one and "<table>" in one for one in inside)


def test_hostile_names_stay_text(hostile):
    text = (hostile / "report.html").read_text("utf-8")
    assert "&lt;script&gt;document" in text
    assert "\\u202egnp.exe" in text
    assert "\u202e" not in text


def test_accounts_of_one_address_are_one_group(hostile, config):
    with states.reading(hostile / "state") as database:
        memory = memory_of(hostile / "state", config, database)
        (found, *_) = campaigns(memory, incidents(memory.alerts))
    assert set(found.accounts) == set(HOSTILE)
    assert set(found.shared["203.0.113.77"]) == set(HOSTILE)


def test_the_page_of_a_run_and_of_its_state_tell_the_same(hostile, config, tmp_path):
    told = ["report", "--state", str(hostile / "state"), "--config", str(config), "--output", str(tmp_path / "r.html")]
    assert CliRunner().invoke(main, told).exit_code == 0
    run, state = ((path).read_text("utf-8") for path in (hostile / "report.html", tmp_path / "r.html"))
    cards = [re.search(r'<section id="incidents">.*?</section>', text, re.S)[0] for text in (run, state)]
    assert cards[0] == cards[1]


def test_a_run_without_a_state_has_its_page_too(log, config, tmp_path):
    told = ["batch", str(log), "--config", str(config), "--alerts", str(tmp_path / "a.jsonl")]
    result = CliRunner().invoke(main, [*told, "--report", str(tmp_path / "r.html")])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "p1" in text
    assert "Figures of this run" in text
    assert 'class="bar odd"' in text


def test_a_page_that_cannot_be_written_is_said_at_the_start(log, config, tmp_path):
    told = ["batch", str(log), "--config", str(config), "--report", str(tmp_path / "none" / "r.html")]
    result = CliRunner().invoke(main, told)
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_a_tail_rewrites_its_page_and_a_browser_follows(log, config, tmp_path):
    live, path, seen = tmp_path / "live.log", tmp_path / "wall.html", []
    shutil.copy(log, live)
    page = Page(path, every_s=3600)

    def attend(pipeline, ended):
        page(pipeline, ended)
        seen.append((ended, path.read_text("utf-8")))

    loaded = configuration.load(config)
    tail(Pipeline(loaded, state=tmp_path / "state", attend=attend), [live], from_start=True, once=True)
    assert [ended for ended, _ in seen].count(True) == 1
    assert 'http-equiv="refresh" content="3600"' in seen[0][1]
    assert seen[0][1] == seen[1][1]  # not old yet
    assert "refresh" not in seen[-1][1].partition("<title>")[0]
    assert list(tmp_path.glob(".wall*")) == []


def test_a_configured_page_is_written_beside_its_configuration(log, tmp_path):
    (tmp_path / "detector.yml").write_text("calendar: {timezone: UTC}\nreport: {path: wall.html}\n")
    told = ["batch", str(log), "--config", str(tmp_path / "detector.yml"), "--alerts", str(tmp_path / "a.jsonl")]
    assert CliRunner().invoke(main, told).exit_code == 0
    assert "incidents are open" in (tmp_path / "wall.html").read_text("utf-8")


def test_a_gap_and_the_lag_are_told(config, tmp_path):
    rows = [
        (START + timedelta(days=day, hours=hour, minutes=n), f"u{n % 9}", f"198.51.100.{n % 9}", 10_000_000_000 + n)
        for day in range(9) for hour in range(8) for n in range(50)
        if not (day == 8 and 3 <= hour < 6)
    ]  # fmt: skip
    (tmp_path / "access.log").write_text("\n".join(line(*row) for row in sorted(rows)) + "\n")
    given = ["--state", str(tmp_path / "state"), "--config", str(config), "--alerts", str(tmp_path / "a.jsonl")]
    assert CliRunner().invoke(main, ["batch", str(tmp_path / "access.log"), *given]).exit_code == 0
    with states.reading(tmp_path / "state") as database:
        memory = memory_of(tmp_path / "state", config, database)
        hole = START + timedelta(days=8, hours=3)
        assert gaps(memory, memory.totals()) == [(hole, hole + timedelta(hours=3))]
        last = START + timedelta(days=8, hours=7, minutes=49)
        assert memory.intake.last == last
        assert lag(memory, last + timedelta(minutes=5)) == "5 min"
        text = write_report(memory, last, Telemetry())
    assert "lines may lack" in text
    assert 'class="tile bad"' in text


def test_an_empty_state_has_a_page(config, tmp_path):
    (tmp_path / "access.log").write_text("")
    told = ["batch", str(tmp_path / "access.log"), "--state", str(tmp_path / "state"), "--config", str(config)]
    result = CliRunner().invoke(main, [*told, "--report", str(tmp_path / "r.html")])
    assert result.exit_code == 0, result.output
    assert "No incident is open" in (tmp_path / "r.html").read_text("utf-8")


def test_what_is_filled_in_is_escaped_unless_it_is_markup():
    assert Html("<b>{}</b>").format("<i>") == "<b>&lt;i&gt;</b>"
    assert joined(["<", Html("<br>"), 7]) == "&lt;<br>7"
    assert "&#34;&gt;\\x1b" in table(('">\x1b',), [("x",)])


def test_axes_end_at_round_numbers():
    assert [nice(one) for one in (0, 1, 7, 11, 101, 2500)] == [1, 1, 8, 20, 200, 3000]
    assert [short(one, Words.of("en")) for one in (0.5, 12, 1500, 2e6)] == ["0.5", "12", "1.5k", "2M"]
    assert short(1500, Words.of("fr")) == "1,5k"


def test_the_world_has_its_countries():
    shipped = world()
    assert {"FR", "BE", "RU", "US", "NL", "TR"} <= set(shipped["shapes"])
    assert {"SG", "MT", "HK", "RE"} - set(shipped["middles"]) <= {"RE"}
    assert shipped["names"]["fr"]["DE"] == "Allemagne"


OWN = re.compile(r"https?://[a-z0-9.-]*\.?(?:google|googleapis|gstatic|gvt1)\.com/")
"""What Chromium asks for itself, and does not get: no name is resolved."""


def browse(path, tmp_path, *more):
    """Open a page in Chromium and return what it printed, its console, and what it asked of the network."""
    told = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
            "--disable-component-update", "--no-first-run", "--enable-logging=stderr", "--v=0",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={tmp_path / 'net.json'}"]  # fmt: skip
    done = subprocess.run([CHROMIUM, *told, *more, path.as_uri()], capture_output=True, text=True, timeout=60)
    console = [one for one in done.stderr.splitlines() if "CONSOLE" in one]
    asked = set(re.findall(r'"url":"((?:https?|wss?)://[^"]+)"', (tmp_path / "net.json").read_text("utf-8")))
    return done.stdout, console, {one for one in asked if not OWN.match(one)}


@in_a_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_an_error_or_a_request(hostile, tmp_path, width):
    shot = tmp_path / "shot.png"
    told = (f"--screenshot={shot}", f"--window-size={width},1400")
    _, console, asked = browse(hostile / "report.html", tmp_path, *told)
    assert console == []
    assert asked == set()
    assert shot.stat().st_size > 20_000


@in_a_browser
def test_no_script_of_a_hostile_name_runs_and_nothing_is_wider_than_the_screen(hostile, tmp_path):
    page = json.dumps((hostile / "report.html").read_text("utf-8")).replace("</", "<\\/")
    outer = tmp_path / "outer.html"
    outer.write_text(
        "<!doctype html><meta charset=utf-8><body><iframe id=f style='width:390px;height:900px;border:0'></iframe>"
        f"<script>const f=document.getElementById('f');f.onload=()=>{{const d=f.contentDocument.documentElement;"
        "document.title=[f.contentDocument.title,d.scrollWidth,"
        "f.contentDocument.querySelectorAll('img,script').length].join('|')};"
        f"f.srcdoc={page};</script>",
        "utf-8",
    )
    dom, _, asked = browse(outer, tmp_path, "--dump-dom", "--virtual-time-budget=4000")
    title, width, elements = re.search(r"<title>(.*?)\|(\d+)\|(\d+)</title>", dom).groups()
    assert title.startswith("Portal detector")
    assert int(width) <= 390
    assert elements == "0"
    assert asked == set()


def test_the_time_of_writing_is_the_callers(state, config):
    with states.reading(state) as database:
        text = write_report(memory_of(state, config, database), datetime(2026, 3, 7, 14, tzinfo=UTC))
    assert "written Saturday 7 March 2026, 14:00" in text


def test_the_map_keeps_its_notice():
    notice = files("detector.inquire.report").joinpath("NOTICE").read_text("utf-8")
    assert "Michael Bostock" in notice
    assert "MIT licence" in notice
