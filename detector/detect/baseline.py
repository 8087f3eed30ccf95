"""Tell, for every account of the day, what each count may reach before it is surprising, and what places are new."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from detector.context import frames
from detector.context.day import ACCOUNT, KEY, TRAITS
from detector.context.store import Store
from detector.detect.models import tail
from detector.detect.models.account import MONTH, WEEK, AccountModels, Cohort, group_of
from detector.detect.models.clientele import Clientele
from detector.detect.models.features import COUNTS, SILENCE, TRAIT_FEATURES
from detector.detect.models.peak import Expectation
from detector.detect.models.peers import predict
from detector.schema import appended

EVERYBODY: Final = "*"
UNFAMILIAR: Final = 1.5
"""Surprise from which a place counts as unfamiliar: an account shows such a one on 3 days in 100."""

BEFORE: Final = {"records_7d": "records_before_7d", "records_30d": "records_before_30d"}
"""Counts over days, and what the days before the running one add to them."""

LIMITS: Final = pl.Schema(
    {ACCOUNT: pl.String}
    | dict.fromkeys((*BEFORE.values(), "trust", "trust_where", SILENCE.name, "silent_days", "voice"), pl.Float64)
    | {f"{feature.name}.{part}": pl.Float64 for feature in COUNTS for part in ("mean", "shape", "limit")}
)

"""What each count may reach. `trust` says how far a surprise is believed: with the peers of a profession to lean on
half on an account's first day, without them not at all, and nearly wholly after some weeks; `trust_where` the same
for places and hours, which peers cannot tell."""

HABITS: Final = pl.Schema({KEY: pl.UInt64} | dict.fromkeys(("new", "bare", "local", "unseen"), pl.Float64))
SERVED: Final = pl.Schema({KEY: pl.UInt64, "portal.subject_area": pl.UInt64, "own": pl.Float64})
"""An account's own areas. With HABITS and everybody's areas: what `clientele.LOOK` holds a look-up against."""

MOSTLY_BARE: Final = 0.95
"""Share of records without a claim from which their absence says nothing."""

PART: Final = 10_000
"""Places looked up at once."""

LEAST_PLACED: Final = 10.0
"""Strangers with an area from which an account's own areas are known."""


def over_days() -> list[pl.Expr]:
    """Return the counts over days, of rows with `records_day` and LIMITS; null where an account is too new for one."""
    return [(pl.col("records_day") + pl.col(before)).alias(name) for name, before in BEFORE.items()]


NOVELTY: Final = pl.Schema(
    {ACCOUNT: pl.String}
    | dict.fromkeys(TRAITS, pl.String)
    | {TRAIT_FEATURES[trait].name: pl.Float64 for trait in TRAITS}
    | {"unfamiliar": pl.Boolean}
)

_UNCLAIMED: Final = [feature.name for feature in COUNTS].index("unclaimed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected today of some accounts: LIMITS, NOVELTY, HABITS and SERVED of theirs."""

    limits: pl.DataFrame
    novelty: pl.DataFrame
    habits: pl.DataFrame
    served: pl.DataFrame


class Baselines:
    """What is expected of each account today. Models change only between days, so each is asked once a day."""

    def __init__(self, accounts: Store[AccountModels], cohorts: Store[Cohort], learning_days: float) -> None:
        self.accounts = accounts
        self.cohorts = cohorts
        self.learning_days = learning_days
        self.clear()

    def clear(self) -> None:
        """Begin a new day."""
        self.limits = pl.DataFrame(schema=LIMITS)
        self.novelty = pl.DataFrame(schema=NOVELTY)
        self.habits = pl.DataFrame(schema=HABITS)
        self.served = pl.DataFrame(schema=SERVED)
        self.professions: dict[str, str] = {}
        self._asked: dict[str, Cohort] = {}
        self.new_count = 0
        """Accounts of the day of which nothing was known: no day learned, and no profession told."""

    def is_new(self, account: str, profession: str | None) -> bool:
        """Say whether nothing is known of an account."""
        return profession is None and group_of(self.accounts.get(account)) is None

    def cohort(self, account: str) -> Cohort:
        """Return the cohort of an account: its profession, without a directory those as busy, at first everybody."""
        return self._named(self._profession(account))

    def _profession(self, account: str) -> str:
        return self.professions.get(account, EVERYBODY)

    def _named(self, profession: str) -> Cohort:
        if profession not in self._asked:
            self._asked[profession] = self.cohorts.get(profession) or Cohort()
        return self._asked[profession]

    def expectation(self, account: str, feature: str) -> Expectation | None:
        """Return what one count of one account is expected to reach; None while cold."""
        return self.cohort(account).expectation(feature, self.accounts.get(account))

    def look_up(self, places: pl.DataFrame, ordinal: int) -> None:
        """Learn about the accounts and places of the day that are new in `places` (from `places_of`).

        Loops over the day's accounts and their places: a few each, once a day; `PART` at once, so that few leave
        memory before all is asked of them.
        """
        names = places.get_column(ACCOUNT)
        told = frames.among(self.novelty, ACCOUNT, names)
        unknown = places.join(told, on=[ACCOUNT, *TRAITS], how="anti", nulls_equal=True, maintain_order="left")
        if unknown.is_empty():
            return
        known = frames.among(self.limits.select(ACCOUNT), ACCOUNT, names)
        fresh = places.join(known, on=ACCOUNT, how="anti").unique(ACCOUNT, maintain_order=True)
        limits, novelty = [], []
        for part in unknown.iter_slices(PART):
            these = fresh.join(part, on=ACCOUNT, how="semi", maintain_order="left")
            fresh = fresh.join(these, on=ACCOUNT, how="anti", maintain_order="left")
            limits += [self._limits_of(these, ordinal)] if these.height else []
            novelty.append(self._novelty(part))
        self.limits = appended(self.limits, pl.concat(limits)) if limits else self.limits
        self.novelty = appended(self.novelty, pl.concat(novelty))

    def of(self, rows: pl.DataFrame) -> Expected:
        """Return what is expected of the accounts of some rows."""
        names, numbers = rows.get_column(ACCOUNT).unique(), rows.get_column(KEY).unique()
        limits, novelty = (frames.among(frame, ACCOUNT, names) for frame in (self.limits, self.novelty))
        habits, served = (frames.among(frame, KEY, numbers) for frame in (self.habits, self.served))
        return Expected(limits=limits, novelty=novelty, habits=habits, served=served)

    def _limits_of(self, fresh: pl.DataFrame, ordinal: int) -> pl.DataFrame:
        names = fresh.get_column(ACCOUNT).to_list()
        told = zip(names, fresh.get_column("portal.profession").to_list(), strict=True)
        grouped = {name: profession or group_of(self.accounts.get(name)) for name, profession in told}
        self.professions |= {name: group for name, group in grouped.items() if group}
        self.new_count += sum(group is None for group in grouped.values())
        self._look_up_habits(names, fresh.get_column(KEY).to_list())
        return self._limits(names, ordinal)

    def _limits(self, names: list[str], ordinal: int) -> pl.DataFrame:
        columns: dict[str, object] = {ACCOUNT: names}
        unknown = AccountModels()
        owns = [self.accounts.get(name) or unknown for name in names]
        professions = [self._profession(name) for name in names]
        cohorts = {profession: self._named(profession) for profession in set(professions)}
        for before, span in zip(BEFORE.values(), (WEEK, MONTH), strict=True):
            columns[before] = [own.before_today(ordinal, span) for own in owns]
        gaps = self._named(EVERYBODY).gaps
        columns["silent_days"] = [float(own.silent_days(ordinal)) for own in owns]
        columns[SILENCE.name] = [own.silence(ordinal, gaps) for own in owns]
        habits = [(own.clientele, cohorts[name].clientele) for own, name in zip(owns, professions, strict=True)]
        columns["voice"] = [own.voice(peers) for own, peers in habits]
        days = np.array([own.days for own in owns], dtype=np.float64)
        half = self.learning_days / 2
        grouped = np.array([name in self.professions for name in names])
        columns["trust"] = (days + np.where(grouped, half, 0.0)) / (days + self.learning_days)
        columns["trust_where"] = days / (days + half)
        told = {profession: _peaks(cohort) for profession, cohort in cohorts.items()}
        peaks = np.stack([told[profession] for profession in professions], axis=-1)
        mean, shape = predict(np.stack([own.moments for own in owns], axis=-1), peaks)
        mean[_UNCLAIMED, [_hardly_claims(own, peers) for own, peers in habits]] = np.nan
        limits = tail.limit(mean, shape)
        for row, feature in enumerate(COUNTS):
            parts = zip(("mean", "shape", "limit"), (mean[row], shape[row], limits[row]), strict=True)
            columns |= {f"{feature.name}.{part}": values for part, values in parts}
        return pl.DataFrame(columns, schema=LIMITS)

    @property
    def areas(self) -> pl.DataFrame:
        """Return every area's share among everybody. Shapes: -> `portal.subject_area`, `all`."""
        shares = self._named(EVERYBODY).clientele.shares()
        schema = {"portal.subject_area": pl.UInt64, "all": pl.Float64}
        return pl.DataFrame({"portal.subject_area": list(shares), "all": list(shares.values())}, schema=schema)

    def _look_up_habits(self, names: list[str], keys: list[int]) -> None:
        unseen = self._named(EVERYBODY).clientele.unseen_share
        habits, served = [], []
        for name, key in zip(names, keys, strict=True):
            models = self.accounts.get(name)
            own, peers = (models or AccountModels()).clientele, self.cohort(name).clientele
            known = own.judged >= LEAST_PLACED
            habits.append((key, own.new_share(peers), own.bare_share(peers), own.local_share if known else 0.0, unseen))
            served += [(key, area, share) for area, share in own.area_shares().items()] if known else []
        self.habits = appended(self.habits, pl.DataFrame(habits, schema=HABITS, orient="row"))
        self.served = appended(self.served, pl.DataFrame(served, schema=SERVED, orient="row"))

    def _novelty(self, places: pl.DataFrame) -> pl.DataFrame:
        everybody = self._named(EVERYBODY)
        owns = [self.accounts.get(name) for name in places.get_column(ACCOUNT)]
        scores = {}
        for trait in TRAITS:
            common = everybody.traits.get(trait)
            scores[TRAIT_FEATURES[trait].name] = [
                (own.traits[trait].score_one({value: common.share(value) if common else 1.0}) or 0.0)
                if own and value
                else 0.0
                for own, value in zip(owns, places.get_column(trait), strict=True)
            ]
        scored = places.select(ACCOUNT, *TRAITS).with_columns(
            pl.Series(name, values, dtype=pl.Float64) for name, values in scores.items()
        )
        return scored.with_columns((pl.max_horizontal(list(scores)) >= UNFAMILIAR).alias("unfamiliar"))


def _peaks(cohort: Cohort) -> tail.Array:
    return np.array([cohort.peaks[feature.name].numbers() for feature in COUNTS]).T


def _hardly_claims(own: Clientele, peers: Clientele) -> bool:
    """Say whether an account's records are followed by no claim anyway: a row without one is then mere volume."""
    bare = own.bare_share(peers)
    return bare is not None and bare > MOSTLY_BARE
