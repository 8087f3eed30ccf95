"""Write the incidents, gravest first: what happened, how it compares with what is usual, what to do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from detector.emit.alert import Reason
from detector.emit.verdicts import Verdict
from detector.inquire.chronicle import Incident
from detector.inquire.explain.as_text import names, reason_line
from detector.inquire.memory import Memory
from detector.inquire.report.activity import Course, course, drawn, exposed
from detector.inquire.report.countries import name
from detector.inquire.report.markup import NOTHING, Html, behind, count, joined, table
from detector.inquire.usual import usual

MOST_CARDS: Final = 20
"""Incidents told at length; the others stand in a table."""

MOST_ROWS: Final = 500
MOST_REASONS: Final = 6
WIDEST: Final = 12.0
"""Surprise that fills its bar."""


def incident_section(memory: Memory, shown: Sequence[Incident]) -> Html:
    """Return a card for each of the gravest, a row for each other."""
    told, rest = shown[:MOST_CARDS], shown[MOST_CARDS:MOST_ROWS]
    done = memory.hours([one.account for one in told if one.account])
    habits = {one.account: usual(memory, one.account) for one in told if one.account}
    verdicts: dict[str, Verdict] = {one.incident: one for one in memory.verdicts()}
    cards = [
        _card(memory, one, course(memory, one, habits[one.account], done) if one.account else None, verdicts)
        for one in told
    ]
    left_out = len(shown) - MOST_ROWS
    return Html('<section id="incidents"><h2>Incidents</h2>{}{}{}</section>').format(
        joined(cards) if cards else Html("<p>None.</p>"),
        _rows(memory, rest) if rest else NOTHING,
        Html("<p>{} less grave incidents are not shown.</p>").format(count(left_out)) if left_out > 0 else NOTHING,
    )


def _card(memory: Memory, one: Incident, told: Course | None, verdicts: Mapping[str, Verdict]) -> Html:
    profession = told.habit.profession if told else None
    first = one.alerts[0]
    return Html(
        '<article class="card {}" id="i-{}"><header><span class="badge {}">{}</span><span class="state">{}</span>'
        '<h3>{}{}</h3><p class="big">{}<small>persons displayed</small></p></header>'
        '<p class="lead">{}</p><p class="meta">{}</p>{}{}<p class="next"><strong>Next:</strong> {}</p>{}</article>'
    ).format(
        one.level,
        one.id,
        one.level,
        one.level,
        "open" if one.open else "closed",
        one.who,
        Html(" <small>{}</small>").format(profession) if profession else NOTHING,
        count(one.subjects_count),
        first.message,
        joined(_facts(memory, one, verdicts.get(one.id)), " · "),
        _pictures(told) if told else _tried(one),
        _reasons(one.reasons),
        one.alert.next_step,
        behind("Alerts in order, and what to type", joined([_turns(memory, one), _commands(memory, one)])),
    )


def _facts(memory: Memory, one: Incident, verdict: Verdict | None) -> list[str]:
    told = [f"{_at(memory, one.start)} to {_at(memory, one.last)}"]
    if one.countries:
        told.append("from " + ", ".join(name(code) for code in one.countries))
    if one.networks:
        told.append(names(one.networks))
    if one.related:
        told.append(f"related: {', '.join(one.related)}")
    if verdict:
        told.append(f"{verdict.action} by {verdict.who}" + (f": {verdict.note}" if verdict.note else ""))
    return [*told, f"incident {one.id}"]


def _at(memory: Memory, moment: datetime) -> str:
    return f"{moment.astimezone(memory.config.zone):%a %-d %b %H:%M}"


def _pictures(told: Course) -> Html:
    return Html('<div class="pair">{}{}</div>').format(drawn(told), exposed(told))


def _tried(one: Incident) -> Html:
    return Html("<p>{} accounts: {}</p>").format(count(len(one.users)), names(one.users)) if one.users else NOTHING


def _reasons(reasons: Sequence[Reason]) -> Html:
    rows = [_reason(one) for one in reasons[:MOST_REASONS]]
    more = [Html("<li>{}</li>").format(reason_line(one)) for one in reasons[MOST_REASONS:]]
    rest = behind(f"{len(more)} more reasons", Html("<ul>{}</ul>").format(joined(more))) if more else NOTHING
    return Html('<h4>Why</h4><ul class="reasons">{}</ul>{}').format(joined(rows), rest)


def _reason(one: Reason) -> Html:
    part = min((one.surprise or 0.0) / WIDEST, 1.0)
    said, _, rest = reason_line(one).partition(one.text)
    bar = Html('<span class="surprise" style="width:{:.0f}%"></span>').format(100 * part) if one.surprise else NOTHING
    return Html('<li>{}<span class="said">{}{}</span> <small>{}</small></li>').format(
        bar, said, one.text, rest.removeprefix("; ")
    )


def _turns(memory: Memory, one: Incident) -> Html:
    rows = [
        (_at(memory, turn.timestamp), turn.state, turn.level, turn.rule_name, turn.message, count(turn.subjects_count))
        for turn in one.alerts
    ]
    return table(("when", "turn", "level", "rule", "what", "persons"), rows, figures=1)


def _commands(memory: Memory, one: Incident) -> Html:
    folder = memory.folder or "DIR"
    told = [
        f"detector explain {one.id} --state {folder}",
        f"detector scope --incident {one.id} --state {folder} ARCHIVES",
    ]
    return Html("<pre>{}</pre>").format("\n".join(told))


def _rows(memory: Memory, rest: Sequence[Incident]) -> Html:
    heads = ("who", "level", "state", "since", "what", "incident", "persons")
    rows = (
        (one.who, one.level, "open" if one.open else "closed", _at(memory, one.start), one.alert.message, one.id,
         count(one.subjects_count))
        for one in rest
    )  # fmt: skip
    return Html("<h3>And these</h3>{}").format(table(heads, rows, figures=1))
