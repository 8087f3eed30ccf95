"""Write an explanation as one page of plain text."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from detector.detect.models.features import AREAS, CLAIMS, CLIENTELE, HOUR, TRAIT_FEATURES
from detector.emit.alert import Reason
from detector.emit.verdicts import Verdict
from detector.inquire.explain.compiled import Explanation
from detector.inquire.hours import Hour
from detector.inquire.usual import Measure, Usual
from detector.language import Words

WIDE: Final = 100
BAR: Final = 30
MOST_NAMES: Final = 12
MOST_COMPANIONS: Final = 15

OF_DAYS: Final = {HOUR.name, *(one.name for one in TRAIT_FEATURES.values())}
"""Features whose numbers are shares of days."""

OF_LOOKS: Final = {CLIENTELE.name, AREAS.name, CLAIMS.name}
"""Features whose numbers are shares of what was looked up."""


def text(told: Explanation, words: Words) -> str:
    """Return the page, lines of at most `WIDE` characters where words allow it."""
    parts = [
        ("", _opening(told, words)),
        (words.say("explain.moments"), _moments(told, words)),
        (words.say("explain.reasons"), _reasons(told, words)),
        (words.say("explain.usual"), _usual(told.habit, words)),
        (words.say("explain.by_day" if told.daily else "explain.by_hour"), _activity(told, words)),
        (words.say("explain.where"), _addresses(told, words)),
        (words.say("explain.others"), _companions(told, words)),
        (words.say("explain.decided"), _verdicts(told, words)),
        (words.say("explain.now"), _steps(told)),
    ]
    return "\n".join("\n".join(([title, "-" * len(title)] if title else []) + lines + [""]) for title, lines in
                     ((title, list(lines)) for title, lines in parts) if lines)  # fmt: skip


def _opening(told: Explanation, words: Words) -> Iterator[str]:
    habit = told.habit
    profession = f" ({habit.profession})" if habit and habit.profession else ""
    state = words.say("cards.closed" if told.state == "closed" else "cards.open")
    level = words.name(f"level.{told.level}", told.level)
    yield words.say("explain.incident", incident=told.incident, level=level, state=state)
    yield ""
    span = words.say("explain.span", start=_local(told.start, told), end=_local(told.last, told))
    if told.account:
        used = words.say("explain.account", account=told.account, profession=profession, span=span)
        yield from _wrapped(f"{used} {_shown(told, words)}")
    elif not told.users and not told.addresses:
        yield words.say("explain.of_nobody", what=told.who, span=span)
    else:
        drew = words.say("explain.source", who=told.who, span=span)
        yield from _wrapped(f"{drew} {_tried(told, words)}")


def _shown(told: Explanation, words: Words) -> str:
    more = told.most_subjects_count > told.subjects_count
    persons = {"persons": told.subjects_count, "most": told.most_subjects_count}
    return words.say("explain.shown_more" if more else "explain.shown", **persons)


def _tried(told: Explanation, words: Words) -> str:
    entered = sorted({name for one in told.addresses for name in one.entered} & set(told.users))
    parts = [
        words.say("explain.about", accounts=len(told.users), named=names(told.users, words)),
        words.say("explain.entered" if entered else "explain.none_entered", named=names(entered, words)),
        words.say("explain.shown_them", persons=told.subjects_count) if told.subjects_count else "",
    ]
    return " ".join(filter(None, parts))


def _moments(told: Explanation, words: Words) -> Iterator[str]:
    for one in told.moments:
        state, level = words.name(f"state.{one.kind}", one.kind), words.name(f"level.{one.level}", "")
        said = words.say("explain.moment", state=state, level=level, text=one.text) if one.level else one.text
        yield from _wrapped(said, f"{words.at(one.at, 'second')}  ")


def _reasons(told: Explanation, words: Words) -> Iterator[str]:
    for place, reason in enumerate(told.reasons, 1):
        yield from _wrapped(reason_line(reason, words), f"{place:>2}. ")


def reason_line(reason: Reason, words: Words) -> str:
    """Return a reason with its numbers: how odd it is, and how many days of whose history say so."""
    told = [reason.text]
    if reason.observed is not None and reason.expected is not None and reason.surprise is not None:
        told.append(_numbers(reason, reason.observed, reason.expected, words))
    if reason.surprise is not None:
        told.append(words.say("surprise.told", surprise=reason.surprise, one_in=one_in(reason.surprise, words)))
    if reason.baseline == "account":
        told.append(words.say("explain.by_own", days=reason.history_days))
    elif reason.baseline:
        told.append(words.say("explain.by_peers", days=reason.history_days))
    return words.clauses(told)


def _numbers(reason: Reason, observed: float, expected: float, words: Words) -> str:
    if reason.feature in OF_DAYS:
        return words.say("numbers.days", expected=expected)
    if reason.feature in OF_LOOKS:
        return words.say(f"numbers.{reason.feature}", observed=observed, expected=expected)
    shown = {"observed": figure(observed, words), "expected": figure(expected, words)}
    return words.say("numbers.counts", unit=reason.unit or "", **shown)


def one_in(surprise: float, words: Words) -> str:
    """Return how seldom chance alone would show as much."""
    if surprise < 0.3:
        return words.say("surprise.none")
    if surprise >= 6:
        return words.say("surprise.most")
    exact = 10**surprise
    rounded = round(int(exact), 1 - len(str(int(exact)))) if exact >= 10 else round(exact)
    return words.say("surprise.one_in", days=rounded)


def _usual(habit: Usual | None, words: Words) -> Iterator[str]:
    if habit is None:
        return
    if not habit.days:
        yield from _wrapped(words.say("explain.unknown", account=habit.account))
    yield usual_head(words)
    yield from (usual_line(one, words) for one in habit.measures if (one.usual, one.peers_usual) != (None, None))
    yield new_line(habit, words)
    yield ""
    for what, values in (("countries", habit.countries), ("networks", habit.networks), ("clients", habit.clients)):
        if values:
            shares = ", ".join(f"{name} {share(part, words)}" for name, part in values.items())
            yield from _wrapped(words.say(f"explain.{what}", shares=shares))
    peers = habit.profession or words.say("explain.everybody")
    yield from _wrapped(
        words.say("explain.learned_frozen" if habit.frozen else "explain.learned",
                  days=habit.days, peers_days=habit.peers_days, peers=peers)
    )  # fmt: skip


def usual_head(words: Words) -> str:
    """Return the head of the table of what a day usually reaches."""
    highest, usual, odd, peers = words.names("explain.usual_heads")
    return f"{highest:<66}{usual:>8}{odd:>10}{peers:>8}"


def usual_line(one: Measure, words: Words) -> str:
    """Return a row of it."""
    usual, limit, peers = (figure(value, words) for value in (one.usual, one.limit, one.peers_usual))
    return f"  {one.label:<64}{usual:>8}{limit:>10}{peers:>8}"


def new_line(habit: Usual, words: Words) -> str:
    """Return its row of persons that the account never saw before."""
    new, peers = share(habit.new_share, words), share(habit.peers_new_share, words)
    return f"  {words.say('explain.new_persons'):<64}{new:>8}{'':>10}{peers:>8}"


def _activity(told: Explanation, words: Words) -> Iterator[str]:
    if told.activity:
        yield from activity_lines(told.activity, words, daily=told.daily)


def activity_lines(some: Sequence[Hour], words: Words, *, daily: bool) -> Iterator[str]:
    """Yield a table of hours (or days), with a bar each and a mark where more was displayed than is usual."""
    most = max((one.records for one in some), default=0) or 1
    sizes = (9, 9, 9, 9, 8)
    heads = "".join(f"{name:>{size}}" for name, size in zip(words.names("explain.activity_heads"), sizes, strict=True))
    yield f"{'':<20}{heads}"
    for one in some:
        counts = (one.requests, one.records, one.persons, one.strangers, one.missed)
        cells = "".join(f"{words.count(count):>{size}}" for count, size in zip(counts, sizes, strict=True))
        odd = one.odd if not daily else not one.at_work
        bar = "#" * -(-one.records * BAR // most) + (words.say("explain.odd") if odd else "")
        yield f"{words.at(one.start, 'row_day' if daily else 'row_hour'):<20}{cells}  {bar}".rstrip()


def _addresses(told: Explanation, words: Words) -> Iterator[str]:
    for one in told.addresses[:MOST_NAMES]:
        key = "many" if len(one.entered) > 1 else "one" if one.entered else "none"
        named = names(one.entered, words)
        yield from _wrapped(words.say(f"explain.entered_{key}", ip=one.ip, accounts=len(one.entered), named=named))
    if len(told.addresses) > MOST_NAMES:
        yield words.say("explain.more", more=len(told.addresses) - MOST_NAMES)


def _companions(told: Explanation, words: Words) -> Iterator[str]:
    for one in told.companions[:MOST_COMPANIONS]:
        own = f" ({words.say('shared.incident', incident=one.incident)})" if one.incident else ""
        yield from _wrapped(
            words.say("explain.companion", account=one.account, own=own, why=words.clauses(one.why[:4]))
        )
    if len(told.companions) > MOST_COMPANIONS:
        yield words.say("explain.more", more=len(told.companions) - MOST_COMPANIONS)


def _verdicts(told: Explanation, words: Words) -> Iterator[str]:
    for one in told.verdicts:
        said, outcome = decided(one, words), told.outcomes.get(one.seq)
        yield from _wrapped(f"{said} ({outcome})" if outcome else said, f"{one.at}  ")


def decided(one: Verdict, words: Words) -> str:
    """Say what a person decided, and their note."""
    action = words.name(f"verdict.{one.action}", one.action)
    said = words.say("verdict.by", action=action, who=one.who)
    return words.say("verdict.noted", said=said, note=one.note) if one.note else said


def _steps(told: Explanation) -> Iterator[str]:
    yield from _wrapped(told.next_step)
    yield ""
    yield from (f"  {command}" for command in told.commands)


def _local(moment: datetime, told: Explanation) -> datetime:
    return moment.astimezone(told.moments[0].at.tzinfo)


def names(some: Sequence[str], words: Words) -> str:
    """Return the first names and how many more there are."""
    named = ", ".join(some[:MOST_NAMES])
    return words.say("names.more", named=named, more=len(some) - MOST_NAMES) if len(some) > MOST_NAMES else named


def figure(value: float | None, words: Words) -> str:
    """Return a figure with as many digits as mean something."""
    if value is None:
        return "-"
    return words.count(value) if value >= 10 or value == int(value) else words.write(value, ".2g")


def share(part: float | None, words: Words) -> str:
    """Return a share in per cent."""
    return "-" if part is None else words.write(part, ".0%")


def _wrapped(line: str, head: str = "") -> list[str]:
    return textwrap.wrap(
        line, WIDE, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
