"""Write the incidents, gravest first: what happened, how it compares with what is usual, what to do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from detector.emit.alert import Reason
from detector.emit.verdicts import Verdict
from detector.inquire.chronicle import Incident
from detector.inquire.explain.as_text import decided, names, reason_line
from detector.inquire.memory import Memory
from detector.inquire.report.activity import Course, course, drawn, exposed
from detector.inquire.report.countries import name
from detector.inquire.report.markup import NOTHING, Html, behind, joined, table
from detector.inquire.usual import usual
from detector.language import Words

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
    left_out, words = len(shown) - MOST_ROWS, memory.words
    return Html('<section id="incidents"><h2>{}</h2>{}{}{}</section>').format(
        words.say("cards.title"),
        joined(cards) if cards else Html("<p>{}</p>").format(words.say("page.none")),
        _rows(memory, rest) if rest else NOTHING,
        Html("<p>{}</p>").format(words.say("cards.left_out", incidents=left_out)) if left_out > 0 else NOTHING,
    )


def _card(memory: Memory, one: Incident, told: Course | None, verdicts: Mapping[str, Verdict]) -> Html:
    profession, words = told.habit.profession if told else None, memory.words
    return Html(
        '<article class="card {}" id="i-{}"><header><span class="badge {}">{}</span><span class="state">{}</span>'
        '<h3>{}{}</h3><p class="big">{}<small>{}</small></p></header>'
        '<p class="lead">{}</p><p class="meta">{}</p>{}{}<p class="next"><strong>{}</strong> {}</p>{}</article>'
    ).format(
        one.level,
        one.id,
        one.level,
        words.name(f"level.{one.level}", one.level),
        words.say("cards.open" if one.open else "cards.closed"),
        one.who,
        Html(" <small>{}</small>").format(profession) if profession else NOTHING,
        words.count(one.subjects_count),
        words.say("cards.persons", persons=one.subjects_count),
        one.alerts[0].message,
        joined(_facts(memory, one, verdicts.get(one.id)), " · "),
        _pictures(told, words) if told else _tried(one, words),
        _reasons(one.reasons, words),
        words.say("cards.next"),
        one.alert.next_step,
        behind(words.say("cards.behind"), joined([_turns(memory, one), _commands(memory, one)])),
    )


def _facts(memory: Memory, one: Incident, verdict: Verdict | None) -> list[str]:
    words = memory.words
    told = [words.say("cards.span", start=_at(memory, one.start), end=_at(memory, one.last))]
    if one.countries:
        told.append(words.say("cards.from", countries=", ".join(name(code, words.language) for code in one.countries)))
    if one.networks:
        told.append(names(one.networks, words))
    if one.related:
        told.append(words.say("cards.related", incidents=", ".join(one.related)))
    if verdict:
        told.append(decided(verdict, words))
    return [*told, words.say("shared.incident", incident=one.id)]


def _at(memory: Memory, moment: datetime) -> str:
    return memory.words.at(moment.astimezone(memory.config.zone), "hour")


def _pictures(told: Course, words: Words) -> Html:
    return Html('<div class="pair">{}{}</div>').format(drawn(told, words), exposed(told, words))


def _tried(one: Incident, words: Words) -> Html:
    told = words.say("cards.tried", accounts=len(one.users), named=names(one.users, words))
    return Html("<p>{}</p>").format(told) if one.users else NOTHING


def _reasons(reasons: Sequence[Reason], words: Words) -> Html:
    rows = [_reason(one, words) for one in reasons[:MOST_REASONS]]
    more = [Html("<li>{}</li>").format(reason_line(one, words)) for one in reasons[MOST_REASONS:]]
    rest = (
        behind(words.say("cards.more_reasons", reasons=len(more)), Html("<ul>{}</ul>").format(joined(more)))
        if more
        else NOTHING
    )
    return Html('<h4>{}</h4><ul class="reasons">{}</ul>{}').format(words.say("cards.why"), joined(rows), rest)


def _reason(one: Reason, words: Words) -> Html:
    part = min((one.surprise or 0.0) / WIDEST, 1.0)
    said, _, rest = reason_line(one, words).partition(one.text)
    bar = Html('<span class="surprise" style="width:{:.0f}%"></span>').format(100 * part) if one.surprise else NOTHING
    return Html('<li>{}<span class="said">{}{}</span> <small>{}</small></li>').format(
        bar, said, one.text, rest.removeprefix(words.said["form.between"])
    )


def _turns(memory: Memory, one: Incident) -> Html:
    words = memory.words
    rows = [
        (
            _at(memory, turn.timestamp),
            words.name(f"state.{turn.state}", turn.state),
            words.name(f"level.{turn.level}", turn.level),
            turn.rule_name,
            turn.message,
            words.count(turn.subjects_count),
        )
        for turn in one.alerts
    ]
    return table(words.names("cards.turn_heads"), rows, figures=1)


def _commands(memory: Memory, one: Incident) -> Html:
    folder = memory.folder or "DIR"
    told = [
        f"detector explain {one.id} --state {folder}",
        f"detector scope --incident {one.id} --state {folder} ARCHIVES",
    ]
    return Html("<pre>{}</pre>").format("\n".join(told))


def _rows(memory: Memory, rest: Sequence[Incident]) -> Html:
    words = memory.words
    rows = (
        (one.who, words.name(f"level.{one.level}", one.level), words.say("cards.open" if one.open else "cards.closed"),
         _at(memory, one.start), one.alert.message, one.id, words.count(one.subjects_count))
        for one in rest
    )  # fmt: skip
    return Html("<h3>{}</h3>{}").format(words.say("cards.rest"), table(words.names("cards.heads"), rows, figures=1))
