"""Carry an attack out: choose victims, sources and clients, and turn planned reads into requests with their truth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from detector.lab.simulate import clients, places, portal
from detector.lab.simulate.places import Places
from detector.lab.simulate.population import Population
from detector.lab.simulate.rhythm import Flags, Floats, Ints, Span, Words, mix

NETWORKS: Final = ("hosting", "vpn", "tor", "residential", "abroad")
HOURS: Final = ("night", "office")
FromWhere: TypeAlias = Callable[[Ints, Floats], tuple[Words, Ints]]
"""Gives the address and client of each request from its account and moment."""
FIRST_SESSION: Final = 1 << 40
"""Numbers of attackers' sessions start here, so that they differ from everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an attacker means to read. Arrays of one value a record.

    - `found`: whether the identifier exists; `search`, `invoices`: share of reads with a search before, bills after
    - `pause_s`: silence after which the next read needs a new log-on
    - `sources`: least and most addresses; `few`: no more than that even where others would rotate
    - `own_place`: the reads come from the victim's own place and device (an insider)
    - `session`: a stolen session's number; 0 means that the attacker logs on
    - `tested_at`: log-ons without any read (Unix seconds), one a victim or none
    - `tried`: names that were tried in vain, with the moments
    """

    at: Floats
    account: Ints
    subject: Ints
    found: Flags
    search: float = 0.3
    invoices: float = 0.0
    pause_s: float = 1800.0
    sources: tuple[int, int] = (1, 3)
    few: bool = False
    own_place: bool = False
    session: int = 0
    tested_at: Floats = field(default_factory=lambda: np.zeros(0))
    tried: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    tried_at: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(slots=True, kw_only=True)
class Scene:
    """What attacks are planned against, and which accounts are taken already."""

    people: Population
    span: Span
    means: Floats
    work: pl.DataFrame
    size: float
    taken: Flags

    def start_day(self, rng: np.random.Generator, *, length: int = 1, hours: str = "office") -> int:
        """Draw a first day in the later half of the span; office attacks start on a working day."""
        days = np.arange(self.span.days)
        last = self.span.days - max(length, 1)
        fits = (days >= min(self.span.days // 2, last)) & (days <= last)
        good = fits & (self.span.working if hours == "office" else np.ones(len(days), bool))
        choices = np.flatnonzero(good if good.any() else fits)
        return int(rng.choice(choices)) if len(choices) else 0

    def victims(self, count: int, day: int, rng: np.random.Generator, kind: str = "person") -> Ints:
        """Draw accounts that no other attack has: persons at work around that day, vendors, the dormant, the new."""
        people = self.people
        week = self.means[:, max(0, day - 6) : day + 1].sum(axis=1) > 1
        fits = {
            "person": ~people.software & ~people.dormant & week,
            "software": people.software,
            "dormant": people.dormant,
            "new": (people.first_day > 0) & (people.first_day < self.span.days - 3) & ~people.dormant,
        }[kind] & ~self.taken
        choices = np.flatnonzero(fits)
        if not len(choices):
            choices = np.flatnonzero(~self.taken & ~people.software)
        chosen = rng.choice(choices, min(count, len(choices)), replace=False).astype(np.int64)
        self.taken[chosen] = True
        return chosen

    def daily(self, account: int) -> float:
        """Return an account's mean look-ups on the days it works."""
        own = self.means[account]
        return float(own[own > 0.5].mean()) if (own > 0.5).any() else 5.0


def sources(network: str, plan: Plan, rng: np.random.Generator) -> Places:
    """Draw the attacker's addresses. Assumptions: how many, and how often they change.

    Tor changes its exit every ten minutes; residential proxies give another home every few minutes.
    """
    count = int(rng.integers(plan.sources[0], plan.sources[1] + 1))
    if plan.few:
        return places.draw("home" if network == "residential" else network, count, rng)
    if network == "tor":
        return places.draw("tor", 12, rng, pool=64, period_s=600)
    if network == "residential" or plan.own_place:
        return places.draw("home", 40, rng, pool=1 << 12, period_s=int(rng.integers(120, 1800)))
    if network == "vpn":
        return places.draw("vpn", count, rng, pool=4, period_s=12 * 3600)
    return places.draw(network, count, rng)


def client_family(plan: Plan, people: Population, rng: np.random.Generator) -> Ints:
    """Choose what the attacker's client calls itself, for each account: a script, the victim's kind, or any browser."""
    kind = rng.choice(["script", "same", "browser"], p=[0.3, 0.35, 0.35])
    if kind == "same" or plan.own_place:
        return np.asarray(people.device[0], np.int64)
    family = rng.choice(clients.SCRIPTS if kind == "script" else (*clients.WORK, clients.INDEX["firefox_linux"]))
    return np.full(len(people), family, np.int64)


def carry_out(number: int, network: str, plan: Plan, scene: Scene, rng: np.random.Generator) -> pl.DataFrame:
    """Return all requests of one attack, labelled with its number."""
    people = scene.people
    order = np.lexsort((plan.at, plan.account))
    at, account, subject, found = plan.at[order], plan.account[order], plan.subject[order], plan.found[order]
    theirs = sources(network, plan, rng)
    family, lag = client_family(plan, people, rng), int(rng.integers(0, 60))

    def from_where(who: Ints, when: Floats) -> tuple[Words, Ints]:
        seconds = when.astype(np.int64)
        if plan.own_place:
            return people.places.address(who, seconds), clients.at(family[who], seconds, people.update_lag[who])
        turn = seconds // 900 if network in ("tor", "residential") else np.zeros(len(who), np.int64)
        row = (mix(who, turn, number) % np.uint64(len(theirs.base))).astype(np.int64)
        return theirs.address(row, seconds), clients.at(family[who], seconds, lag)

    new = np.ones(len(at), bool)
    new[1:] = (np.diff(account) != 0) | (np.diff(at) > plan.pause_s)
    session = (
        FIRST_SESSION + number * (1 << 24) + np.cumsum(new) if not plan.session else np.full(len(at), plan.session)
    )
    address, client = from_where(account, at)
    frames = _reads(plan, at, account, subject, found, address, client, session, rng)
    first = np.flatnonzero(new) if not plan.session else np.zeros(0, np.int64)
    opening = {"account": account[first], "address": address[first], "client": client[first], "session": session[first]}
    wrong = np.where(rng.random(len(first)) < 0.1, 1, 0)
    browses = 0.9 if plan.own_place else 0.3
    frames += portal.log_ons(at[first] - rng.uniform(5, 90, len(first)), opening, wrong, rng, pages=browses)
    frames += _tests(number, plan, from_where, rng)
    return pl.concat(frames).with_columns(attack=pl.lit(number, pl.Int16))


def _reads(
    plan: Plan, at: Floats, account: Ints, subject: Ints, found: Flags, address: Words, client: Ints, session: Ints,
    rng: np.random.Generator,
) -> list[pl.DataFrame]:  # fmt: skip
    """Return the requests of the reads: some with a search before; an unknown identifier is a 404 in either way."""
    gap = np.diff(at, append=at[-1:] + 5.0)
    step = np.clip(gap * 0.3, 0.01, 3.0)
    searched = rng.random(len(at)) < plan.search
    status = np.where(found, 200, 404)
    bills = found & (rng.random(len(at)) < plan.invoices)
    frames = []
    for where, when, page in (
        (searched, at - step, portal.SEARCH),
        (found | ~searched, at, portal.RIGHTS),
        (bills, at + step, portal.INVOICES),
    ):
        rows = np.flatnonzero(where)
        frames.append(
            portal.requests(
                len(rows), rng, at=when[rows], page=page, subject=subject[rows], status=status[rows],
                account=account[rows], address=address[rows], client=client[rows], session=session[rows],
            )
        )  # fmt: skip
    return frames


def _tests(number: int, plan: Plan, from_where: FromWhere, rng: np.random.Generator) -> list[pl.DataFrame]:
    frames: list[pl.DataFrame] = []
    if len(plan.tested_at):
        who = np.unique(plan.account)[: len(plan.tested_at)]
        address, client = from_where(who, plan.tested_at)
        session = FIRST_SESSION + number * (1 << 24) + (1 << 23) + np.arange(len(who), dtype=np.int64)
        opening: dict[str, Words | Ints] = {"account": who, "address": address, "client": client, "session": session}
        frames += portal.log_ons(plan.tested_at, opening, np.zeros(len(who), np.int64), rng, pages=0.3)
    if len(plan.tried):
        everybody = np.minimum(plan.tried, 0)
        address, client = from_where(everybody + np.arange(len(plan.tried)) % 3, plan.tried_at)
        frames.append(
            portal.requests(
                len(plan.tried), rng, at=plan.tried_at, page=portal.LOGIN, status=401, account=plan.tried,
                address=address, client=client,
            )
        )  # fmt: skip
    return frames
