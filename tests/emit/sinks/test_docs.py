"""The pages on sinks: every kind has one, and what they show works as pasted."""

import re
from pathlib import Path
from typing import get_args

import pytest

from detector import config
from detector.config.sinks import AlertFormat, Sink
from detector.emit.alert import FORMATS

DOCS = Path(config.__file__).parents[1] / "docs"
KINDS = [kind.model_fields["kind"].default for kind in get_args(get_args(Sink)[0])]
PAGES = [DOCS / "delivery.md", *sorted((DOCS / "sinks").glob("*.md"))]


def test_every_kind_has_a_page_and_stands_in_the_overview():
    overview = (DOCS / "delivery.md").read_text("utf-8")
    for kind in KINDS:
        assert (DOCS / "sinks" / f"{kind}.md").exists()
        assert f"| `{kind}` |" in overview


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_configurations_of_a_page_work_as_pasted(page, tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "c.yml").write_text(block)
        loaded = config.load(tmp_path / "c.yml")
        assert loaded.sinks
        assert page.stem in ("delivery", *(one.kind for one in loaded.sinks))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_is_guaranteed_and_what_happens_when_the_other_side_is_down(page):
    text = page.read_text("utf-8")
    assert page.stem == "delivery" or "\n## Delivery\n" in text
    assert re.search(r"\n## When ", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_a_sink_takes_every_format():
    assert set(get_args(AlertFormat)) == set(FORMATS)
