"""Say what is usual for an account, as its models have learned it, beside what is usual for its peers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.context.day import COMMON_TRAITS
from detector.detect.baseline import EVERYBODY
from detector.detect.models import tail
from detector.detect.models.account import AccountModels
from detector.detect.models.features import COUNTS
from detector.detect.models.peak import Expectation
from detector.detect.models.rhythm import HOURS
from detector.inquire.memory import Memory

MOST_VALUES: Final = 6
"""Countries, networks and clients named of each sort."""

AT_WORK: Final = 0.2
"""How often an hour of the week must have activity, beside the busiest one, to be one of the usual hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a count of a day usually reaches at its highest. `limit` is the first value worth a closer look."""

    feature: str
    label: str
    unit: str
    usual: float | None
    limit: float | None
    peers_usual: float | None
    baseline: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is normal for one account. Shares are 0 to 1; None while too little is known.

    - `days`: closed days learned; `frozen`: it does not learn now, as an incident of it is open
    - `new_share`: persons never shown to it before among those it looks up; `bare_share`: views without a claim
    - `hours`: share of days with activity, by hour of the week from Monday 00 h, local; empty while cold
    - `countries`, `networks`, `clients`: share of days by value, the most frequent first
    """

    account: str
    profession: str | None
    peers_days: int
    days: int
    frozen: bool
    measures: tuple[Measure, ...]
    new_share: float | None
    peers_new_share: float | None
    bare_share: float | None
    hours: tuple[float, ...]
    countries: dict[str, float]
    networks: dict[str, float]
    clients: dict[str, float]

    def works_at(self, hour: int) -> bool:
        """Say whether an hour of the week is one of its usual ones; while cold, any is."""
        return not self.hours or self.hours[hour] >= AT_WORK * max(self.hours)

    def measure(self, feature: str) -> Measure | None:
        """Return one measure by its name."""
        return next((one for one in self.measures if one.feature == feature), None)


def usual(memory: Memory, account: str) -> Usual:
    """Return what is normal for `account`."""
    profession, own = memory.profession(account), memory.baselines.accounts.get(account)
    models, cohort = own or AccountModels(), memory.baselines.cohort(account)
    named = (models.traits[trait].values for trait in COMMON_TRAITS)
    days = (models.traits[trait].days for trait in COMMON_TRAITS)
    countries, networks, clients = (_shares(*both) for both in zip(named, days, strict=True))
    return Usual(
        account=account,
        profession=profession,
        peers_days=max((int(cohort.peaks[feature.name].total.n) for feature in COUNTS), default=0),
        days=models.days,
        frozen=account in frozen(memory),
        measures=tuple(_measure(memory, account, feature.name) for feature in COUNTS),
        new_share=models.clientele.new_share(cohort.clientele),
        peers_new_share=cohort.clientele.new_share(),
        bare_share=models.clientele.bare_share(cohort.clientele),
        hours=tuple(min(models.rhythm.share(hour), 1.0) for hour in range(HOURS)) if models.rhythm.days else (),
        countries=countries,
        networks=networks,
        clients=clients,
    )


def _shares(values: Mapping[str, float], days: float) -> dict[str, float]:
    ranked = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    return {value: round(min(weight / max(days, 1.0), 1.0), 3) for value, weight in ranked[:MOST_VALUES]}


def _measure(memory: Memory, account: str, feature: str) -> Measure:
    own = memory.baselines.expectation(account, feature)
    peers = memory.baselines.cohort(account).expectation(feature, None)
    return Measure(
        feature=feature,
        label=memory.words.say(f"label.{feature}"),
        unit=memory.words.say(f"unit.{feature}"),
        usual=None if own is None else round(own.mean, 2),
        limit=None if own is None else _limit(own),
        peers_usual=None if peers is None else round(peers.mean, 2),
        baseline=None if own is None else own.baseline,
    )


def _limit(expected: Expectation) -> float:
    return float(tail.limit(np.array([expected.mean]), np.array([expected.shape]))[0])


def frozen(memory: Memory) -> set[str]:
    """Return the accounts with an open incident, which learn nothing until it closes."""
    last = {one.incident_id: one for one in memory.alerts}
    return {one.account for one in last.values() if one.state != "closed" and one.account is not None}


def countries_of_all(memory: Memory) -> dict[str, float]:
    """Return the share of account-days by country, as learned of everybody."""
    crowd = memory.baselines.cohorts.get(EVERYBODY)
    if crowd is None:
        return {}
    population = crowd.traits["source.geo.country_iso_code"]
    return {value: count / max(population.account_days, 1) for value, count in population.values.items()}
