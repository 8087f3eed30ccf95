"""Give each account its lines: at work (alone or shared), at home, the phone's carrier, away, and after a move."""

from typing import Final

import numpy as np

from detector.lab.simulate import places
from detector.lab.simulate.places import Places
from detector.lab.simulate.professions import PROFESSIONS
from detector.lab.simulate.rhythm import DAY_S, Flags, Ints

WORK, HOME, PHONE, AWAY, MOVED = range(5)
"""The places of an account; place `slot * accounts + account` of `Population.places`."""
SLOTS: Final = 5

# Assumptions; shares of accounts.
IPV6_SHARE: Final = 0.2
PROXY_SHARE: Final = 0.03  # behind a filtering proxy or an antivirus product's VPN
VPN_SHARE: Final = 0.02  # now and then behind a privacy VPN


def kinds(profession: Ints, rng: np.random.Generator) -> Ints:
    """Draw each account's kind of work line, an index of `Profession.lines`."""
    weights = np.array([one.lines for one in PROFESSIONS], float)
    sums = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    return np.asarray((rng.random((len(profession), 1)) > sums[profession]).sum(axis=1), np.int64)


def groups(line: Ints, profession: Ints, department: Ints, rng: np.random.Generator) -> Ints:
    """Group the accounts on shared lines: practices of 2 to 8, hospitals and chains of shops of some more.

    Returns the number of each account's group, -1 where it works alone. Groups lie in one department.
    """
    group = np.full(len(line), -1, np.int64)
    following = 0
    hospital = np.array([one.name == "hospital desk" for one in PROFESSIONS])[profession]
    for members in (
        np.flatnonzero(line == 3),
        np.flatnonzero((line == 4) & hospital),
        np.flatnonzero((line == 4) & ~hospital),
    ):
        rest = list(rng.permutation(members))
        while rest:
            size = int(rng.integers(2, 9))
            chosen, rest = np.array(rest[:size]), rest[size:]
            group[chosen] = following
            department[chosen] = department[chosen[0]]
            following += 1
    return group


def _work(line: Ints, group: Ints, rng: np.random.Generator) -> Places:
    """Draw each account's work place by its kind of line."""
    count = len(line)
    minutes = rng.integers(25, 180, count) * 60
    each = [
        places.draw("home", count, rng),
        places.draw("home", count, rng, pool=1 << 12, period_s=7 * DAY_S),
        places.draw("mobile", count, rng, pool=1 << 12, period_s=minutes),
        places.draw("home", count, rng),
        places.draw("egress", count, rng, pool=4, period_s=3600),
        places.draw("vendor", count, rng, pool=4, period_s=2 * 3600),
    ]
    leader = np.arange(count)
    for one in np.unique(group[group >= 0]):
        members = np.flatnonzero(group == one)
        leader[members] = members[0]
    every = Places.join(each)
    row = line * count + leader
    work = Places(base=every.base[row], size=every.size[row], period_s=every.period_s[row], key=every.key[row])
    for kind, share in (("home6", IPV6_SHARE), ("proxy", PROXY_SHARE)):
        other = places.draw(
            kind,
            count,
            rng,
            pool=1 if kind == "home6" else 16,
            period_s=places.FOREVER if kind == "home6" else DAY_S // 2,
        )
        work = choose((line <= 1) & (rng.random(count) < share), other, work)
    return work


def choose(where: Flags, yes: Places, no: Places) -> Places:
    """Take each place from `yes` or `no`."""
    return Places(
        base=np.where(where, yes.base, no.base),
        size=np.where(where, yes.size, no.size),
        period_s=np.where(where, yes.period_s, no.period_s),
        key=np.where(where, yes.key, no.key),
    )


def slots(line: Ints, group: Ints, rng: np.random.Generator) -> tuple[Places, Flags]:
    """Draw the places of all accounts, slot by slot; also tell whose phone slot is a privacy VPN."""
    count = len(line)
    away = places.draw("travel", count, rng, pool=4, period_s=DAY_S)
    away = choose(rng.random(count) < 0.5, away, places.draw("home", count, rng))
    private = rng.random(count) < VPN_SHARE
    carrier = places.draw("mobile", count, rng, pool=1 << 12, period_s=rng.integers(25, 180, count) * 60)
    every = [
        _work(line, group, rng),
        places.draw("home", count, rng, pool=1 << 8, period_s=14 * DAY_S),
        choose(private, places.draw("vpn", count, rng, pool=64, period_s=DAY_S), carrier),
        away,
        places.draw("home", count, rng),
    ]
    return Places.join(every), private
