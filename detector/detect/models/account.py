"""Hold the models of one account, and of one cohort of accounts; learn a closed day of theirs."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from detector.context.day import COMMON_TRAITS
from detector.detect.models import tail
from detector.detect.models.clientele import Clientele, Crowd
from detector.detect.models.familiarity import Familiarity, Population
from detector.detect.models.features import COUNTS, TRAIT_FEATURES
from detector.detect.models.packed import pack, unpack
from detector.detect.models.peak import DailyPeak, Expectation, learned
from detector.detect.models.peers import PeerPeak
from detector.detect.models.rhythm import HOURS, Rhythm
from detector.detect.models.silence import Gaps, own_surprise

WEEK = 7
MONTH = 30
_COLUMNS: Final = {feature.name: column for column, feature in enumerate(COUNTS)}
STEP = 3
_TOGETHER: Final = ("persons", "strangers", "ended", "unbilled")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedDay:
    """What one account did on one closed local day."""

    ordinal: int
    counts: Mapping[str, float]
    traits: Mapping[str, frozenset[str]]
    hours: frozenset[int]
    clientele: Mapping[str, Any]


class AccountModels:
    """The models of one account: a few hundred bytes of numbers when saved."""

    def __init__(self) -> None:
        self.days = 0
        self.since = self.last = 0
        """Ordinals of the first day learned and of the last one active; 0 before there was one."""
        self.moments: tail.Array = np.zeros((3, len(COUNTS)))
        """Those of the `DailyPeak` of each count, in one array: all accounts learn them at once."""
        self.traits = {trait: Familiarity() for trait in TRAIT_FEATURES}
        self.rhythm = Rhythm()
        self.clientele = Clientele()
        self.recent: dict[int, float] = {}

    def peak(self, name: str) -> DailyPeak:
        """Return the model of one count, as it stands."""
        return DailyPeak.from_numbers(self.moments[:, _COLUMNS[name]].tolist())

    def before_today(self, ordinal: int, span: int) -> float | None:
        """Return the records of the days before the day `ordinal` that with it are `span` days.

        None for a month that the account has not been known for: its sum would only tell how new it is.
        """
        if span > WEEK and not 0 < self.since <= ordinal - span + 1:
            return None
        return sum(records for day, records in self.recent.items() if ordinal - span < day < ordinal)

    def silent_days(self, ordinal: int) -> int:
        """Return how many days lie between the last active day and the day `ordinal`, that one included."""
        return ordinal - self.last if self.last else 0

    def silence(self, ordinal: int, everybody: Gaps) -> float:
        """Return the surprise of being active on the day `ordinal` after none since the last active one."""
        gap = self.silent_days(ordinal)
        if gap <= 1:
            return 0.0
        own = own_surprise(self.days, self.last - self.since + 1, gap - 1)
        return min(own, everybody.score_one({"days": gap}))

    def see(self, ordinal: int) -> None:
        """Note an active day of which nothing else is learned: an account that is held back is not silent."""
        self.last = max(self.last, ordinal)

    def learn(self, day: ClosedDay) -> None:
        """Learn one closed day, but for its counts: `learn_counts`."""
        self.days += 1
        self.since = self.since or day.ordinal
        self.see(day.ordinal)
        self.recent = {past: records for past, records in self.recent.items() if past > day.ordinal - MONTH}
        self.recent[day.ordinal] = day.counts["records_day"]
        for trait, familiarity in self.traits.items():
            if day.traits[trait]:
                familiarity.learn_one(dict.fromkeys(sorted(day.traits[trait]), 1))
        if day.hours:
            self.rhythm.learn_one(dict.fromkeys(day.hours, 1))
        if day.clientele["persons"]:
            self.clientele.learn_one(dict(day.clientele))

    def numbers(self) -> dict[str, Any]:
        """Return the state as plain numbers."""
        return {
            "days": self.days,
            "since": self.since,
            "last": self.last,
            "moments": pack(self.moments),
            "traits": {trait: familiarity.numbers() for trait, familiarity in self.traits.items()},
            "rhythm": self.rhythm.numbers(),
            "clientele": self.clientele.numbers(),
            "recent": {str(day): records for day, records in self.recent.items()},
        }

    @classmethod
    def from_numbers(cls, numbers: dict[str, Any]) -> Self:
        """Rebuild the models that `numbers` told of."""
        models = cls()
        models.days, models.since, models.last = (numbers[name] for name in ("days", "since", "last"))
        models.moments = unpack(numbers["moments"], "<f8").reshape(3, -1)
        for trait, told in numbers["traits"].items():
            models.traits[trait] = Familiarity.from_numbers(told)
        models.rhythm = Rhythm.from_numbers(numbers["rhythm"])
        models.clientele = Clientele.from_numbers(numbers["clientele"])
        models.recent = {int(day): records for day, records in numbers["recent"].items()}
        return models


def learn_counts(days: Sequence[tuple[AccountModels, ClosedDay]]) -> None:
    """Teach each account the counts of its closed day, all at once."""
    counts = np.array([[day.counts[feature.name] for feature in COUNTS] for _, day in days])
    taught = learned(np.stack([own.moments for own, _ in days], axis=1), counts)
    for row, (own, _) in enumerate(days):
        own.moments = taught[:, row].copy()  # of its own: a slice would hold the others' as long


def group_of(own: AccountModels | None) -> str | None:
    """Return the peers of an account whose profession is not known: those about as busy; None before its first day.

    Steps of three: within a profession accounts differ by less, between professions by more.
    """
    if own is None or not own.days:
        return None
    return f"{STEP ** round(own.moments[1, _COLUMNS['records_day']] / math.log(STEP))} records a day"


class Cohort:
    """What the accounts of one profession have in common."""

    def __init__(self) -> None:
        self.peaks = {feature.name: PeerPeak() for feature in COUNTS}
        self.traits = {trait: Population() for trait in COMMON_TRAITS}
        self.hours = Population()
        self.gaps = Gaps()
        self.clientele = Crowd()
        self._today: Counter[str] = Counter()
        self._areas: Counter[int] = Counter()

    def learn_many(self, days: Sequence[tuple[AccountModels, ClosedDay]]) -> None:
        """Learn account-days of one day, before the accounts themselves do; `close_day` ends it."""
        moments = np.stack([models.moments for models, _ in days], axis=1)
        for name, peak in self.peaks.items():
            before, usual, _ = moments[:, :, _COLUMNS[name]]
            peak.learn_many(np.array([day.counts[name] for _, day in days]), before, usual)
        for models, day in days:
            gap = models.silent_days(day.ordinal)
            if gap > 0:
                self.gaps.learn_one({"days": gap})
        for trait, population in self.traits.items():
            population.learn_many([day.traits[trait] for _, day in days])
        self.hours.learn_many([[str(hour) for hour in day.hours] for _, day in days])
        for _, day in days:
            self._today.update({name: day.clientele[name] for name in _TOGETHER})
            self._areas.update(day.clientele["areas"])

    def close_day(self) -> None:
        """Learn the clientele of all account-days of the day together: it fades once a day."""
        self.clientele.learn_one({name: self._today[name] for name in _TOGETHER} | {"areas": dict(self._areas)})
        self._today, self._areas = Counter(), Counter()

    def hour_share(self, hour: int) -> float:
        """Return the share of account-days with activity in that hour of the week, 0 to 1."""
        days = self.hours.account_days
        return min(self.hours.values.get(str(hour % HOURS), 0) * WEEK / days, 1.0) if days else 0.0

    def expectation(self, name: str, own: AccountModels | None) -> Expectation | None:
        """Return what a day's count is expected to reach; None while all is cold."""
        return self.peaks[name].expectation(own.peak(name) if own else None)

    def numbers(self) -> dict[str, Any]:
        """Return the state as plain numbers."""
        return {
            "peaks": {name: peak.numbers() for name, peak in self.peaks.items()},
            "traits": {trait: population.numbers() for trait, population in self.traits.items()},
            "hours": self.hours.numbers(),
            "gaps": self.gaps.numbers(),
            "clientele": self.clientele.numbers(),
        }

    @classmethod
    def from_numbers(cls, numbers: dict[str, Any]) -> Self:
        """Rebuild the cohort that `numbers` told of."""
        cohort = cls()
        cohort.peaks = {name: PeerPeak.from_numbers(told) for name, told in numbers["peaks"].items()}
        cohort.traits = {trait: Population.from_numbers(told) for trait, told in numbers["traits"].items()}
        cohort.hours = Population.from_numbers(numbers["hours"])
        cohort.gaps = Gaps.from_numbers(numbers["gaps"])
        cohort.clientele = Crowd.from_numbers(numbers["clientele"])
        return cohort
