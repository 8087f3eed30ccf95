"""Fill a letter in with what a scope found."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final
from zoneinfo import ZoneInfo

from detector.inquire.notify.words import Addressee, Language, Words, plain
from detector.inquire.scope.finding import Finding, Gap, Source

LIMIT: Final = timedelta(hours=72)
"""Source: GDPR, article 33(1). Counted from the minute, which is never later than the law counts."""

MOST_ROWS: Final = 15
TICKED: Final = {True: "[x]", False: "[ ]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a letter says beside the finding. `noticed` is when one became aware; `follows` a notification before."""

    addressee: Addressee
    language: Language
    zone: ZoneInfo
    made: datetime
    noticed: datetime | None = None
    follows: str | None = None

    @property
    def deadline(self) -> datetime | None:
        """When the 72 hours end."""
        return self.noticed and self.noticed + LIMIT


def drafted(finding: Finding, letter: Letter) -> str:
    """Return the letter in Markdown: figures where there are any, marks where something is open."""
    return _Draft(finding, letter).text()


class _Draft:
    def __init__(self, finding: Finding, letter: Letter) -> None:
        self._finding = finding
        self._letter = letter
        self._words = Words.of(letter.language)
        self._theirs = [one for one in finding.sources if one.whose == "attacker"]
        self._perhaps = [one for one in finding.sources if one.whose != "owner"]

    def text(self) -> str:
        """Fill in the template."""
        values = {**self._formal(), **self._course(), **self._extent()}
        return self._words.template(self._letter.addressee).substitute(values)

    def _formal(self) -> dict[str, str]:
        letter, say, deadline = self._letter, self._words.say, self._letter.deadline
        passed = deadline is not None and letter.made > deadline
        incident = self._finding.incident
        return {
            "made": self._at(letter.made),
            "incident": say("incident", id=plain(incident)) if incident else say("no_incident"),
            "noticed": self._at(letter.noticed),
            "deadline": self._at(deadline),
            "late": say("late", deadline=self._local(deadline)) if passed else say("not_late"),
            "initial": TICKED[letter.follows is None],
            "complementary": TICKED[letter.follows is not None],
            "follows": plain(letter.follows) if letter.follows else say("complete"),
            "stage": say("later_stage", follows=plain(letter.follows)) if letter.follows else say("first_stage"),
        }

    def _course(self) -> dict[str, str]:
        say, gaps = self._words.say, bool(self._finding.gaps)
        sources = self._theirs or self._perhaps
        first = min((one.first for one in sources), default=self._finding.first)
        last = max((one.last for one in sources), default=self._finding.last)
        accounts = len({one.account for one in self._perhaps if one.account}) or len(self._finding.accounts)
        unknown = say("unknown")
        return {
            "accounts": say("accounts", count=accounts) if accounts else unknown,
            "start": say("start_latest" if gaps else "start", moment=self._local(first)) if first else unknown,
            "end": say("end_earliest" if gaps else "end", moment=self._local(last)) if last else unknown,
            "sources": self._sources(),
        }

    def _extent(self) -> dict[str, str]:
        finding, say = self._finding, self._words.say
        persons, unnamed = finding.subjects, finding.unnamed.attacker + finding.unnamed.undecided
        identity = finding.categories.get("identity_number", 0)
        return {
            "subjects": self._amount(persons.attacker_count, persons.undecided_count),
            "records": self._amount(finding.records.attacker, finding.records.undecided),
            "unnamed": self._words.write(unnamed) if unnamed else say("none_found"),
            "nir": say("nir_shown", count=identity) if identity else say("nir_not_shown"),
            "categories": self._categories(),
            "method": self._method(),
            "why": self._why(unnamed),
        }

    def _amount(self, least: int, open_count: int) -> str:
        """Say a count that may be more: by what is undecided, and by what the archives lack."""
        say, most = self._words.say, least + open_count
        if most == 0:
            return say("none_found")
        if self._finding.subjects.lower_bound:
            return say("at_least_up" if open_count else "at_least", least=least, most=most)
        return say("between" if open_count else "exactly", least=least, most=most)

    def _categories(self) -> str:
        shown = sorted(self._finding.categories.items(), key=lambda one: (-one[1], one[0]))
        if not shown:
            return self._words.say("no_categories")
        rows = (
            f"| {self._words.category(name)} | {self._words.say('exactly', least=count)} |" for name, count in shown
        )
        return "\n".join([self._words.say("categories_head"), *rows])

    def _sources(self) -> str:
        say, write = self._words.say, self._words.write
        if not self._perhaps:
            return say("no_sources")
        places: dict[tuple[str, str, str], list[Source]] = defaultdict(list)
        for one in self._perhaps:
            places[say(one.whose), plain(one.country or "-"), plain(one.network or "-")].append(one)
        requests = Counter({place: sum(one.requests for one in some) for place, some in places.items()})
        rows = [
            f"| {' | '.join(place)} | {write(len({one.ip for one in places[place]}))} | {write(count)} |"
            for place, count in requests.most_common(MOST_ROWS)
        ]
        more = [say("more", count=len(requests) - MOST_ROWS)] if len(requests) > MOST_ROWS else []
        return "\n".join([say("sources_head"), *rows, *more])

    def _method(self) -> str:
        archives, persons = self._finding.archives, self._finding.subjects
        if not archives:
            return self._words.say("method_unread")
        return self._words.say(
            "method",
            lines=sum(one.lines for one in archives),
            archives=len(archives),
            first=self._local(min((one.first for one in archives if one.first), default=None)),
            last=self._local(max((one.last for one in archives if one.last), default=None)),
            owner=persons.owner_count,
            both=persons.both_count,
        )

    def _why(self, unnamed: int) -> str:
        reasons = list(self._reasons(unnamed))
        if not reasons:
            return self._words.say("why_exact")
        return "\n".join([self._words.say("why"), "", *(f"- {one}" for one in reasons)])

    def _reasons(self, unnamed: int) -> Iterator[str]:
        finding, say = self._finding, self._words.say
        if finding.subjects.undecided_count:
            yield say("undecided_why", count=finding.subjects.undecided_count)
        if unnamed:
            yield say("unnamed_why", count=unnamed)
        gaps = [one for one in finding.gaps if one.kind != "unnamed"]
        yield from map(self._gap, gaps[:MOST_ROWS])
        if len(gaps) > MOST_ROWS:
            yield say("gaps_more", count=len(gaps) - MOST_ROWS)

    def _gap(self, gap: Gap) -> str:
        count = gap.missing_count
        missing = "" if count is None else self._words.say("missing", count=count)
        span = {"from": self._local(gap.start), "to": self._local(gap.end)}
        return self._words.gap(gap.kind, PurePath(gap.archive).name, missing=missing, **span)

    def _local(self, at: datetime | None) -> datetime | None:
        return at and at.astimezone(self._letter.zone)

    def _at(self, at: datetime | None) -> str:
        return self._words.write(self._local(at)) if at else self._words.say("complete")
