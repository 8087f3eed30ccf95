"""Make the ordinary work of all accounts: which look-ups when, in which sessions, from which place and device."""

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from detector.lab.simulate import clients, portal
from detector.lab.simulate.confounders import Confounders
from detector.lab.simulate.lines import AWAY, HOME, MOVED, PHONE, WORK
from detector.lab.simulate.population import Population
from detector.lab.simulate.portal import Manner, Visits
from detector.lab.simulate.professions import PROFESSIONS, trait
from detector.lab.simulate.rhythm import Flags, Floats, Ints, Span, Words, clock, even, mix, stream
from detector.lab.simulate.subjects import HOME_SHARE, kin
from detector.lab.simulate.upheavals import Upheavals

UNKNOWN: Final = 0.03
"""Assumption: share of searches that find nobody; four times that in January (fact)."""
SESSION_GAP_S: Final = 2 * 3600
LOGOUT_SHARE: Final = 0.35
KIN_SHARE: Final = 0.12
"""Assumption: look-ups of a relative of the person before, within `KIN_GAP_S`."""
KIN_GAP_S: Final = 1200
CAMPAIGN_HOME: Final = 0.9


def look_ups(
    seed: int, people: Population, span: Span, means: Floats, upheavals: Upheavals, confounders: Confounders
) -> Visits:
    """Draw every look-up of every account, sorted by account, desk and time."""
    rng = stream(seed, "look-ups")
    number = rng.poisson(means)
    account, day = (
        np.repeat(index.astype(np.int64), number.ravel()) for index in np.indices(means.shape).reshape(2, -1)
    )
    quick = rng.random(len(account)) < trait("batch")[people.profession[account]]
    at = np.where(quick, _in_runs(account, day, quick, people, span, rng), _alone(account, day, people, span, rng))
    duty_account, duty_day, duty_at = _on_call(people, span, rng)
    more_account, more_day, more_hour = confounders.campaigns(rng)
    account, day = np.concatenate([account, duty_account, more_account]), np.concatenate([day, duty_day, more_day])
    at = upheavals.shift(np.concatenate([at, duty_at, span.at(more_day, more_hour)]), rng)
    quick = np.concatenate([quick, np.zeros(len(duty_at) + len(more_day), bool)])
    campaign = np.arange(len(account)) >= len(account) - len(more_day)
    visitor = rng.random(len(account)) < confounders.visitors[account, day]
    visits = Visits(
        at=at,
        account=account,
        subject=people.patients.draw(
            np.where(campaign, account, confounders.patients_of(account, day, rng)), day, rng,
            fresh=campaign | visitor, home=np.select([campaign, visitor], [CAMPAIGN_HOME, 0.0], HOME_SHARE),
        ),
        place=confounders.place(_place(account, at, day, people, span, rng), account, day, campaign),
        desk=rng.integers(0, people.devices[account]),
        quick=np.where(people.software[account], 0.03, np.where(quick, 0.3, 1.0)),
        billed=np.where(campaign, confounders.billed[account, day], 1.0),
    )  # fmt: skip
    return _with_kin(visits.take(np.lexsort((visits.at, visits.desk, visits.account))), rng)


def _with_kin(visits: Visits, rng: np.random.Generator) -> Visits:
    """Let families come together: after a person, now and then one of its relatives; not in runs and programs."""
    near = np.zeros(len(visits), bool)
    near[1:] = (np.diff(visits.account) == 0) & (np.diff(visits.desk) == 0) & (np.diff(visits.at) < KIN_GAP_S)
    rows = np.flatnonzero(near & (visits.quick == 1) & (rng.random(len(visits)) < KIN_SHARE))
    subject = visits.subject.copy()
    subject[rows] = kin(visits.subject[rows - 1], rng)
    return replace(visits, subject=subject)


def _alone(account: Ints, day: Ints, people: Population, span: Span, rng: np.random.Generator) -> Floats:
    """Draw moments one by one from the profession's hours, moved by the account's own habit."""
    hour = np.empty(len(account))
    u = rng.random(len(account))
    profession = people.profession[account]
    for number, one in enumerate(PROFESSIONS):
        rows = profession == number
        hour[rows] = clock(one.hours)(u[rows])
    steady = people.software | (trait("devices")[people.profession] > 3)
    return span.at(day, np.where(steady[account], hour, np.clip(hour + people.shift_h[account], 0, 23.99)))


def _in_runs(
    account: Ints, day: Ints, quick: Flags, people: Population, span: Span, rng: np.random.Generator
) -> Floats:
    """Place the look-ups of runs behind each other: two runs a day at hours the account keeps, programs every hour."""
    runs = np.where(people.software[account], 16, 2)
    run = (rng.random(len(account)) * runs).astype(np.int64)
    chance = mix(account, run, 3)
    habit = np.where(people.software[account], 5 + run, 12.5 + 6.5 * run + 2 * (even(chance) - 0.5))
    start = span.at(day, np.clip(habit + 0.7 * (even(mix(account, run, day)) - 0.5), 0, 22.5))
    gap = rng.exponential(trait("batch_gap_s")[people.profession[account]])
    order = (
        pl.DataFrame({"account": account, "day": day, "run": run, "gap": np.where(quick, gap, 0.0)})
        .select(pl.col("gap").cum_sum().over("account", "day", "run"))
        .to_series()
        .to_numpy()
    )
    return np.asarray(np.minimum(start + order, span.at(day, 23.99)))


def _on_call(people: Population, span: Span, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """Draw night duties: some look-ups between 20 h and 7 h of accounts that work by day."""
    duty = rng.random((len(people), span.days)) < trait("on_call")[people.profession][:, None]
    account, day = np.nonzero(duty & ~people.dormant[:, None] & (np.arange(span.days) >= people.first_day[:, None]))
    number = rng.poisson(6, len(account))
    account, day = np.repeat(account, number), np.repeat(day, number)
    hour = 20 + 11 * rng.random(len(account)) ** 1.4
    return account, day, span.at(day, hour)


def _place(account: Ints, at: Floats, day: Ints, people: Population, span: Span, rng: np.random.Generator) -> Ints:
    """Choose the place of each look-up: work, home in the evening, the phone, away, or the new one after a move."""
    count = len(people)
    hour = span.hour_of(at)
    slot = np.where(at >= people.moved_at[account], MOVED, WORK)
    late = (hour >= 19.5) | (hour < 7) | (span.weekdays[day] >= 5)
    home = people.has_home[account] & late & (even(mix(account, day, 7)) < 0.7)
    slot = np.where(home, HOME, slot)
    slot = np.where(rng.random(len(at)) < people.phone_share[account], PHONE, slot)
    away = (day >= people.away[0][account]) & (day <= people.away[1][account])
    return np.where(away, AWAY, slot) * count + account


def _device(visits: Visits, day: Ints, people: Population, confounders: Confounders) -> Ints:
    """Choose the device slot: the desk's, the phone, the one bought lately or a locum's own."""
    new = (visits.at >= people.device_change[visits.account]) | confounders.replaced[visits.account, day]
    slot = np.where(new, 7, visits.desk)
    where = visits.place // len(people)
    slot = np.where((where == HOME) & (mix(visits.account, 17) % np.uint64(2) == 0), 5, slot)
    slot = np.where((where == AWAY) & (mix(visits.account, 18) % np.uint64(2) == 0), 4, slot)
    return np.asarray(np.where((where == PHONE) & ~people.software[visits.account], 6, slot), np.int64)


def sessions(visits: Visits, day: Ints) -> Ints:
    """Number the sessions: a new one after two quiet hours, at another desk or place, and every day."""
    new = np.ones(len(visits), bool)
    new[1:] = np.diff(visits.at) > SESSION_GAP_S
    for column in (visits.account, visits.desk, visits.place, day):
        new[1:] |= np.diff(column) != 0
    return np.cumsum(new).astype(np.int64)


def ordinary(
    seed: int, people: Population, span: Span, means: Floats, upheavals: Upheavals, confounders: Confounders
) -> list[pl.DataFrame]:
    """Return all requests of the ordinary work."""
    rng = stream(seed, "requests")
    visits = look_ups(seed, people, span, means, upheavals, confounders)
    day = span.day_of(visits.at)
    session = sessions(visits, day)
    seconds = visits.at.astype(np.int64)
    slot = _device(visits, day, people, confounders)
    client = clients.at(people.device[slot, visits.account], seconds, people.update_lag[visits.account])
    place = upheavals.moved_vendor(visits.place, visits.at, people)
    address = people.places.address(place, seconds)
    profession = people.profession[visits.account]
    manner = Manner(
        search=trait("search")[profession],
        unknown=span.january(4.0, 1.0)[day] * UNKNOWN,
        invoices=trait("invoices")[profession],
        claim=trait("claim")[profession] * visits.billed,
    )
    frames = portal.look_ups(visits, manner, address, client, session, rng)
    first = np.flatnonzero(np.diff(session, prepend=0)).astype(np.int64)
    opening: dict[str, Words | Ints] = {
        "account": visits.account[first],
        "address": address[first],
        "client": client[first],
        "session": session[first],
    }
    wrong = _wrong(visits.account[first], visits.at[first], people, span, upheavals, rng)
    pages = np.where(people.software[visits.account[first]], 0.0, 0.97)
    frames += portal.log_ons(visits.at[first] - 8 - 20 * rng.random(len(first)), opening, wrong, rng, pages=pages)
    frames.append(_log_offs(visits, session, address, client, people, rng))
    frames.append(_exports(visits, session, address, client, people, span, rng))
    return frames


def _wrong(
    account: Ints, at: Floats, people: Population, span: Span, upheavals: Upheavals, rng: np.random.Generator
) -> Ints:
    """Draw the failed tries before each log-on: a slip, a forgotten password, a program with an old one."""
    slips = np.where(rng.random(len(account)) < people.wrong_password[account], rng.geometric(0.6, len(account)), 0)
    forgotten = rng.random(len(account)) < 0.003
    stubborn = people.software[account] & (rng.random(len(account)) < 0.004)
    wrong = np.where(forgotten, rng.integers(4, 12, len(account)), slips)
    wrong = np.where(stubborn, rng.integers(30, 300, len(account)), wrong)
    return np.asarray(wrong + upheavals.forgotten(account, span.day_of(at), rng), np.int64)


def _log_offs(
    visits: Visits, session: Ints, address: Words, client: Ints,
    people: Population, rng: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    last = np.flatnonzero(np.diff(session, append=session[-1] + 1 if len(session) else 1))
    leave = (rng.random(len(last)) < LOGOUT_SHARE) & ~people.software[visits.account[last]]
    rows = last[leave]
    return portal.requests(
        len(rows), rng, at=visits.at[rows] + rng.uniform(60, 900, len(rows)), page=portal.LOGOUT, status=302,
        account=visits.account[rows], address=address[rows], client=client[rows], session=session[rows],
    )  # fmt: skip


def _exports(
    visits: Visits, session: Ints, address: Words, client: Ints,
    people: Population, span: Span, rng: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """Let a third of the accounts fetch the month's list on one of the first working days; some may not (403)."""
    day_of_month = np.array([d.day for d in span.dates])[span.day_of(visits.at)]
    likely = (day_of_month <= 4) & (mix(visits.account, 23) % np.uint64(3) == 0)
    rows = np.flatnonzero(likely & (rng.random(len(visits)) < 0.02))
    refused = mix(visits.account[rows], 29) % np.uint64(8) == 0
    return portal.requests(
        len(rows), rng, at=visits.at[rows] + 90, page=portal.EXPORT, status=np.where(refused, 403, 200),
        account=visits.account[rows], address=address[rows], client=client[rows], session=session[rows],
    )  # fmt: skip
