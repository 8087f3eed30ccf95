"""Write what there is to know as one HTML page that needs nothing else: no script, no server, no file beside it.

Contract: everything that came from a log is escaped by `markup`, the page's own policy forbids scripts and requests,
each section is a function of the memory and returns its part, and each picture has its words and its table.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Final

from detector.inquire.chronicle import Incident, incidents
from detector.inquire.memory import Memory
from detector.inquire.report.campaigns import campaign_section
from detector.inquire.report.cards import incident_section
from detector.inquire.report.health import gaps, health_section
from detector.inquire.report.markup import Html, joined
from detector.inquire.report.overview import overview
from detector.inquire.report.trends import trend_section
from detector.telemetry import Telemetry

RECENT: Final = timedelta(days=7)
"""How long a closed incident stays on the page of a state."""

_PAGE: Final = Html(
    '<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
    '<meta name="referrer" content="no-referrer">{refresh}'
    "<title>{title}</title><style>{style}</style></head><body>{body}</body></html>\n"
)


def write_report(
    memory: Memory, made: datetime, telemetry: Telemetry | None = None, *, refresh_s: float | None = None
) -> str:
    """Return the page. `telemetry` is that of the run at hand; with `refresh_s` a browser loads it anew so often."""
    shown = on_page(memory)
    refresh = Html('<meta http-equiv="refresh" content="{:.0f}">').format(refresh_s) if refresh_s else Html()
    still = sum(one.open for one in shown)
    totals = memory.totals()
    silent = gaps(memory, totals)
    sections = [
        overview(memory, shown, made, silent),
        campaign_section(memory, shown),
        incident_section(memory, shown),
        trend_section(memory, totals),
        health_section(memory, telemetry, silent),
    ]
    words = memory.words
    title = words.say("page.title_open", open=still) if shown else words.say("page.title")
    return str(
        _PAGE.format(language=words.language, refresh=refresh, title=title, style=Html(style()), body=joined(sections))
    )


def style() -> str:
    """Return the style sheet."""
    return files("detector.inquire.report").joinpath("page.css").read_text("utf-8")


def on_page(memory: Memory) -> Sequence[Incident]:
    """Return the incidents to tell: the open ones first, then those of late, each gravest first.

    Of a run without a state all are of late.
    """
    every = incidents(memory.alerts)
    latest = max((one.last for one in every), default=None)
    since = None if memory.folder is None or latest is None else max(latest, memory.intake.last or latest) - RECENT
    recent = [one for one in every if not one.open and (since is None or one.alerts[-1].timestamp >= since)]
    return [*(one for one in every if one.open), *recent]
