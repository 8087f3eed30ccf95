"""Confound whoever asks "whose patients are these?": honest work that looks up persons an account never saw.

Locums, seasons, campaigns and practices taken over happen to some accounts for some days; colleagues and families are
always there. Facts: seaside and ski departments and the months of their seasons. Assumptions: all shares and amounts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from detector.lab.simulate.lines import MOVED, WORK
from detector.lab.simulate.population import Population
from detector.lab.simulate.professions import PROFESSIONS, trait
from detector.lab.simulate.rhythm import Flags, Floats, Ints, Span, mix, stream
from detector.lab.simulate.subjects import CODES, ZONES

KINDS: Final = ("locum", "season", "campaign", "takeover")

LOCUMS_A_MONTH: Final = 0.03
"""Accounts: half of them work in a colleague's stead in another region, half are worked by somebody else."""
CAMPAIGNS_A_MONTH: Final = 0.03
TAKEOVERS_A_MONTH: Final = 0.01
PARTNER_SHARE: Final = 0.06
"""Look-ups of persons whom a colleague of the practice, or a neighbour in the department, looks up too."""
SEA: Final = (6, 13, 29, 33, 34, 35, 44, 62, 76, 83)
SKI: Final = (38, 74)
RESORT_SHARE: Final = 0.35
"""Accounts of these departments that work at a resort; the others see no more strangers than elsewhere."""
CAMPAIGNERS: Final = ("pharmacy", "general practitioner", "nurse", "dentist", "optician", "physiotherapist")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confounders:
    """What is out of the ordinary for which account on which day. Arrays of shape (accounts, days) but `partner`.

    - `whose`: the account whose patients are looked up, `share` of the time; oneself on ordinary days
    - `guest`: the work is done at the place of `whose`; `replaced`: by somebody else, at another machine
    - `visitors`: share of look-ups of people on holiday, from anywhere and never seen before
    - `factor` on the volume
    - `extra`: look-ups of a campaign or contract, of never-seen persons; `billed`: factor on how many end in a claim
    """

    partner: Ints
    whose: Ints
    share: Floats
    guest: Flags
    replaced: Flags
    visitors: Floats
    factor: Floats
    extra: Floats
    billed: Floats

    def volumes(self, means: Floats) -> Floats:
        """Return the mean volumes as they become: guests do the work of those they stand in for."""
        days = np.arange(means.shape[1])
        stood_in = means[self.whose, days]
        return np.where(self.guest, stood_in, means) * self.factor

    def patients_of(self, account: Ints, day: Ints, rng: np.random.Generator) -> Ints:
        """Say whose patient each look-up is of."""
        other = rng.random(len(account)) < self.share[account, day]
        beside = rng.random(len(account)) < PARTNER_SHARE
        usual = np.where(beside & (self.whose[account, day] == account), self.partner[account], account)
        return np.where(other, self.whose[account, day], usual)

    def campaigns(self, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
        """Draw the look-ups of campaigns: account, day and local hour; one or two minutes each, from 9 h or 14 h on."""
        account, day = np.nonzero(self.extra)
        number = rng.poisson(self.extra[account, day])
        start = rng.choice([9.0, 14.0], len(number)) + rng.uniform(-0.5, 0.5, len(number))
        pace = rng.uniform(50, 130, len(number)) / 3600
        turn = np.concatenate([np.zeros(0), *(np.arange(n) for n in number)])
        hour = np.repeat(start, number) + np.repeat(pace, number) * (turn + rng.random(len(turn)))
        return np.repeat(account, number), np.repeat(day, number), np.minimum(hour, 22.0)

    def place(self, place: Ints, account: Ints, day: Ints, campaign: Flags) -> Ints:
        """Send guests to the place they work at, and half of the campaigns to a school or hall."""
        count = len(self.partner)
        place = np.where(self.guest[account, day], WORK * count + self.whose[account, day], place)
        outside = campaign & (mix(account, 61) % np.uint64(2) == 0)
        return np.where(outside, MOVED * count + account, place)

    def told(self, people: Population, span: Span) -> pl.DataFrame:
        """List who is confounded: account, kind, first and last day; ordinary accounts are left out."""
        takes_over = (self.share > 0) & ~self.guest
        kinds = {
            "locum elsewhere": self.guest,
            "locum here": self.replaced,
            "season": self.visitors > 0,
            "campaign": self.extra > 0,
            "takeover": takes_over,
        }
        rows = []
        for kind, days in kinds.items():
            for account in np.flatnonzero(days.any(axis=1)):
                first, last = np.flatnonzero(days[account])[[0, -1]]
                rows.append((people.names[account], kind, span.dates[first], span.dates[last]))
        columns = {"account": pl.String, "kind": pl.String, "first": pl.Date, "last": pl.Date}
        return pl.DataFrame(rows, schema=columns, orient="row")


def arrange(seed: int, people: Population, span: Span, kinds: tuple[str, ...]) -> Confounders:
    """Draw who is confounded when. Each kind has a random stream of its own."""
    shape = (len(people), span.days)
    plan = Confounders(
        partner=_partners(people, stream(seed, "partners")),
        whose=np.broadcast_to(np.arange(len(people))[:, None], shape).copy(),
        share=np.zeros(shape),
        guest=np.zeros(shape, bool),
        replaced=np.zeros(shape, bool),
        visitors=np.zeros(shape),
        factor=np.ones(shape),
        extra=np.zeros(shape),
        billed=np.ones(shape),
    )
    for kind, draw in (("locum", _locums), ("season", _seasons), ("campaign", _campaigns), ("takeover", _takeovers)):
        if kind in kinds:
            draw(plan, people, span, stream(seed, kind))
    return plan


def _partners(people: Population, rng: np.random.Generator) -> Ints:
    """Give each account a colleague of its practice, else a neighbour; oneself where patients seldom return."""
    count = len(people)
    partner = np.arange(count)
    shares = (trait("returning")[people.profession] >= 0.6) & ~people.software
    circle = np.where(people.group >= 0, people.group, count + people.department)
    for one in np.unique(circle[shares]):
        members = np.flatnonzero(shares & (circle == one))
        circular = rng.permutation(members)
        partner[circular] = np.roll(circular, 1)
    return partner


def _chosen(people: Population, span: Span, share_a_month: float, fits: Flags, rng: np.random.Generator) -> Ints:
    return np.flatnonzero(fits & (rng.random(len(people)) < share_a_month * span.days / 30)).astype(np.int64)


def _persons(people: Population) -> Flags:
    """Tell the accounts of one professional each, at work all the time."""
    desk = trait("devices")[people.profession] > 3
    return np.asarray(~people.software & ~people.dormant & ~desk & (people.first_day == 0))


def _other(one: int, fits: Flags, people: Population, rng: np.random.Generator) -> int | None:
    """Draw an account of the same profession that `fits`."""
    like = np.flatnonzero(fits & (people.profession == people.profession[one]))
    like = like[like != one]
    return int(rng.choice(like)) if len(like) else None


def _locums(plan: Confounders, people: Population, span: Span, rng: np.random.Generator) -> None:
    free = _persons(people)
    for one in _chosen(people, span, LOCUMS_A_MONTH, free, rng):
        first = int(rng.integers(0, span.days))
        days = slice(first, first + int(rng.integers(5, 20)))
        host = _other(one, free & (people.department != people.department[one]), people, rng)
        if rng.random() < 0.5 or host is None or not free[one]:
            plan.replaced[one, days] = True
            continue
        plan.whose[one, days], plan.share[one, days], plan.guest[one, days] = host, 1.0, True
        plan.factor[host, days] = 0.0
        free[[one, host]] = False


def _seasons(plan: Confounders, people: Population, span: Span, rng: np.random.Generator) -> None:
    """Bring holiday-makers: to the sea in July, August and at Easter, to the mountains from Christmas to mid-April."""
    code = CODES[people.department]
    share = rng.beta(4, 6, len(people)) * (rng.random(len(people)) < RESORT_SHARE) * ~people.software
    closed = {zone: span.school(zone) for zone in np.unique(ZONES)}
    any_closed = np.any(list(closed.values()), axis=0)
    month, day = (np.array([getattr(d, name) for d in span.dates]) for name in ("month", "day"))
    summer = (month == 7) | (month == 8) | (any_closed & (month == 4))
    winter = ((month == 12) & (day >= 20)) | (month <= 3) | ((month == 4) & (day <= 15))
    here = (np.isin(code, SEA)[:, None] & summer) | (np.isin(code, SKI)[:, None] & winter)
    here &= share[:, None] > 0
    plan.visitors[here] = np.broadcast_to(share[:, None], here.shape)[here]
    plan.factor[here] *= 1.25


def _campaigns(plan: Confounders, people: Population, span: Span, rng: np.random.Generator) -> None:
    """Let accounts vaccinate, or see a school's or an employer's people, on two to eight working days."""
    can = np.array([one.name in CAMPAIGNERS for one in PROFESSIONS])[people.profession]
    for one in _chosen(people, span, CAMPAIGNS_A_MONTH, can & _persons(people), rng):
        open_days = np.flatnonzero(span.working & (np.arange(span.days) >= rng.integers(0, span.days)))
        days = open_days[: int(rng.integers(2, 9))]
        plan.extra[one, days] = max(12.0, float(people.rate[one] * np.exp(rng.uniform(np.log(0.7), np.log(4)))))
        plan.billed[one, days] = 1.2 if rng.random() < 0.5 else 0.05


def _takeovers(plan: Confounders, people: Population, span: Span, rng: np.random.Generator) -> None:
    """Let accounts take over another's patients for good: it stops, half of their work is of its patients."""
    free = _persons(people) & ~plan.guest.any(axis=1) & (plan.factor > 0).all(axis=1)
    for one in _chosen(people, span, TAKEOVERS_A_MONTH, free.copy(), rng):
        near = free & (people.department == people.department[one])
        other = _other(one, near, people, rng)
        other = _other(one, free, people, rng) if other is None else other
        if other is None or not free[one]:
            continue
        days = slice(int(rng.integers(0, span.days)), None)
        plan.whose[one, days], plan.share[one, days] = other, 0.45
        plan.factor[one, days] *= 1.6
        plan.factor[other, days] = 0.0
        free[[one, other]] = False
