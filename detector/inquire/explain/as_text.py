"""Write an explanation as one page of plain text."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from detector.emit.alert import Reason
from detector.inquire.explain.compiled import Explanation
from detector.inquire.hours import Hour
from detector.inquire.usual import Usual

WIDE: Final = 100
BAR: Final = 30
MOST_NAMES: Final = 12
MOST_COMPANIONS: Final = 15


def text(told: Explanation) -> str:
    """Return the page, lines of at most `WIDE` characters where words allow it."""
    parts = [
        ("", _opening(told)),
        ("What happened, in order", _moments(told)),
        ("What is odd about it", _reasons(told)),
        ("What is usual", _usual(told.habit)),
        ("Activity by " + ("day" if told.daily else "hour") + ", local time", _activity(told)),
        ("Where from", _addresses(told)),
        ("Others with the same evidence", _companions(told)),
        ("What people decided", _verdicts(told)),
        ("What to do now", _steps(told)),
    ]
    return "\n".join("\n".join(([title, "-" * len(title)] if title else []) + lines + [""]) for title, lines in
                     ((title, list(lines)) for title, lines in parts) if lines)  # fmt: skip


def _opening(told: Explanation) -> Iterator[str]:
    habit = told.habit
    profession = f" ({habit.profession})" if habit and habit.profession else ""
    yield f"Incident {told.incident}: {told.level}, {'closed' if told.state == 'closed' else 'open'}"
    yield ""
    span = f"from {when(told.start, told)} to {when(told.last, told)}"
    if told.account:
        yield from _wrapped(f"The account {told.account}{profession} was used in an unusual way {span}. {_shown(told)}")
    else:
        yield from _wrapped(f"{told.who} drew attention {span}. {_tried(told)}")


def _shown(told: Explanation) -> str:
    persons = "insured person was" if told.subjects_count == 1 else "insured persons were"
    more = f"; at most {number(told.most_subjects_count)} up to the end of what is shown below"
    more = more if told.most_subjects_count > told.subjects_count else ""
    return f"By its last alert {number(told.subjects_count)} {persons} displayed to it{more}."


def _tried(told: Explanation) -> str:
    entered = sorted({name for one in told.addresses for name in one.entered} & set(told.users))
    success = f"Success there had {names(entered)}" if entered else "None of them had success there"
    shown = f" {number(told.subjects_count)} insured persons were displayed to them." if told.subjects_count else ""
    return f"It is about {number(len(told.users))} accounts: {names(told.users)}. {success}.{shown}"


def _moments(told: Explanation) -> Iterator[str]:
    for one in told.moments:
        level = f" {one.level}" if one.level else ""
        head = f"{one.at:%a %d %b %H:%M:%S}  "
        yield from _wrapped(f"{one.kind}{level}: {one.text}" if level else one.text, head)


def _reasons(told: Explanation) -> Iterator[str]:
    for place, reason in enumerate(told.reasons, 1):
        yield from _wrapped(reason_line(reason), f"{place:>2}. ")


def reason_line(reason: Reason) -> str:
    """Return a reason with its numbers: how odd it is, and how many days of whose history say so."""
    told = [reason.text]
    if reason.observed is not None and reason.expected is not None and reason.surprise is not None:
        told.append(_numbers(reason.observed, reason.expected, reason.unit or ""))
    if reason.surprise is not None:
        told.append(f"surprise {reason.surprise:.1f}: {one_in(reason.surprise)}")
    if reason.baseline == "account":
        told.append(f"by its own {reason.history_days} days")
    elif reason.baseline:
        told.append(f"by its peers, as it has {reason.history_days} days of its own")
    return "; ".join(told)


def _numbers(observed: float, expected: float, unit: str) -> str:
    if unit == "share of days":
        return f"so on {share(expected)} of its days"
    if unit.startswith("share"):
        return f"{share(observed)} instead of {share(expected)}{unit.removeprefix('share')}"
    return f"{figure(observed)} instead of {figure(expected)} {unit}"


def one_in(surprise: float) -> str:
    """Return how seldom chance alone would show as much."""
    if surprise < 0.3:
        return "nothing out of the ordinary"
    if surprise >= 6:
        return "less than one day in a million"
    exact = 10**surprise
    rounded = round(exact, 1 - len(str(int(exact)))) if exact >= 10 else round(exact)
    return f"about one day in {rounded:,.0f}"


def _usual(habit: Usual | None) -> Iterator[str]:
    if habit is None:
        return
    if not habit.days:
        yield from _wrapped(f"Nothing is known of {habit.account} yet: it is judged by its peers alone.")
    yield f"{'at its highest, in a day':<66}{'usual':>8}{'odd from':>10}{'peers':>8}"
    for one in habit.measures:
        if one.usual is not None or one.peers_usual is not None:
            yield f"  {one.label:<64}{figure(one.usual):>8}{figure(one.limit):>10}{figure(one.peers_usual):>8}"
    new, peers = share(habit.new_share), share(habit.peers_new_share)
    yield f"  {'persons never shown to it before':<64}{new:>8}{'':>10}{peers:>8}"
    yield ""
    for label, values in (("countries", habit.countries), ("networks", habit.networks), ("clients", habit.clients)):
        if values:
            yield from _wrapped(f"{label}: " + ", ".join(f"{name} {share(part)}" for name, part in values.items()))
    peers_of = habit.profession or "everybody"
    learned = f"Learned from {number(habit.days)} days of its own and {number(habit.peers_days)} of its peers"
    frozen = "; it learns nothing while the incident is open" if habit.frozen else ""
    yield from _wrapped(f"{learned} ({peers_of}){frozen}.")


def _activity(told: Explanation) -> Iterator[str]:
    if told.activity:
        yield from activity_lines(told.activity, daily=told.daily)


def activity_lines(some: Sequence[Hour], *, daily: bool) -> Iterator[str]:
    """Yield a table of hours (or days), with a bar each and a mark where more was displayed than is usual."""
    most = max((one.records for one in some), default=0) or 1
    yield f"{'':<17}{'requests':>9}{'records':>9}{'persons':>9}{'new':>7}{'missed':>8}"
    for one in some:
        at = f"{one.start:%a %d %b}" if daily else f"{one.start:%a %d %b %H:%M}"
        counts = (one.requests, one.records, one.persons, one.strangers, one.missed)
        cells = "".join(f"{number(count):>{size}}" for count, size in zip(counts, (9, 9, 9, 7, 8), strict=True))
        odd = one.odd if not daily else not one.at_work
        bar = "#" * -(-one.records * BAR // most) + (" <- odd" if odd else "")
        yield f"{at:<17}{cells}  {bar}".rstrip()


def _addresses(told: Explanation) -> Iterator[str]:
    for one in told.addresses[:MOST_NAMES]:
        who = f"{number(len(one.entered))} accounts: " if len(one.entered) > 1 else ""
        yield from _wrapped(f"{one.ip}: {who}{names(one.entered) or 'nobody had success there'}")
    if len(told.addresses) > MOST_NAMES:
        yield f"and {len(told.addresses) - MOST_NAMES} more"


def _companions(told: Explanation) -> Iterator[str]:
    for one in told.companions[:MOST_COMPANIONS]:
        own = f" (incident {one.incident})" if one.incident else ""
        yield from _wrapped(f"{one.account}{own}: {'; '.join(one.why[:4])}")
    if len(told.companions) > MOST_COMPANIONS:
        yield f"and {len(told.companions) - MOST_COMPANIONS} more"


def _verdicts(told: Explanation) -> Iterator[str]:
    for one in told.verdicts:
        said = f"{one.action} by {one.who}" + (f": {one.note}" if one.note else "")
        outcome = told.outcomes.get(one.seq)
        yield from _wrapped(f"{said} ({outcome})" if outcome else said, f"{one.at}  ")


def _steps(told: Explanation) -> Iterator[str]:
    yield from _wrapped(told.next_step)
    yield ""
    yield from (f"  {command}" for command in told.commands)


def when(moment: datetime, told: Explanation) -> str:
    """Return a moment in the zone of the portal."""
    return f"{moment.astimezone(told.moments[0].at.tzinfo):%a %d %b %Y %H:%M:%S}"


def names(some: Sequence[str]) -> str:
    """Return the first names and how many more there are."""
    more = f" and {len(some) - MOST_NAMES:,} more" if len(some) > MOST_NAMES else ""
    return ", ".join(some[:MOST_NAMES]) + more


def figure(value: float | None) -> str:
    """Return a figure with as many digits as mean something."""
    return "-" if value is None else f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def number(count: int) -> str:
    """Return a count with its thousands apart."""
    return f"{count:,}"


def share(part: float | None) -> str:
    """Return a share in per cent."""
    return "-" if part is None else f"{part:.0%}"


def _wrapped(line: str, head: str = "") -> list[str]:
    return textwrap.wrap(
        line, WIDE, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
