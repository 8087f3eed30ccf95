"""Turn look-ups into the requests a portal logs: log-ons, searches, records, claims, pages around them.

The frame of requests (`REQUEST`) is what every part of the simulator makes and `write` turns into lines.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from detector.lab.simulate.rhythm import Floats, Ints, Words

REQUEST: Final = pl.Schema(
    {
        "at": pl.Int64,
        "account": pl.Int32,
        "named": pl.Boolean,
        "page": pl.Int8,
        "subject": pl.Int64,
        "status": pl.Int16,
        "bytes": pl.Int32,
        "address": pl.UInt64,
        "client": pl.Int32,
        "session": pl.Int64,
        "attack": pl.Int16,
    }
)
"""One request a row: `at` in microseconds since 1970, `account` an index or -1, `named` whether the log shows it,
`page` an index of `PAGES`, `subject` an identifier or 0, `session` a number or 0, `attack` an index or -1."""

# method, target ({} is the identifier), typical bytes (assumption), spread of their log-normal
PAGES: Final = (
    ("GET", "/login", 4_100, 0.01),
    ("POST", "/login", 480, 0.1),
    ("GET", "/", 9_300, 0.1),
    ("GET", "/static/app.js", 182_000, 0.0),
    ("GET", "/favicon.ico", 1_150, 0.0),
    ("GET", "/search?nir={}", 1_300, 0.15),
    ("GET", "/patients/{}/rights", 6_200, 0.3),
    ("GET", "/patients/{}/invoices", 17_500, 0.6),
    ("POST", "/claims", 640, 0.1),
    ("GET", "/exports/monthly.csv", 240_000, 0.8),
    ("GET", "/logout", 0, 0.0),
    ("POST", "/password/forgotten", 900, 0.05),
    ("GET", "/health", 16, 0.0),
    ("GET", "/.env", 550, 0.0),
    ("GET", "/wp-login.php", 550, 0.0),
)
(LOGIN_PAGE, LOGIN, HOME_PAGE, SCRIPT, ICON, SEARCH, RIGHTS, INVOICES, CLAIM, EXPORT, LOGOUT, FORGOTTEN, HEALTH, ENV,
 WORDPRESS) = range(15)  # fmt: skip

_UNKNOWN_BYTES: Final = 310


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """Look-ups: when (Unix seconds), by whom, of whom, from where. Arrays of one value a look-up."""

    at: Floats
    account: Ints
    subject: Ints
    place: Ints
    desk: Ints
    quick: Floats  # factor on the pauses within a look-up: 1 for a person, less in runs and programs
    billed: Floats  # factor on the probability of a claim

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints) -> "Visits":
        """Keep some rows, in the order given."""
        return Visits(**{name: getattr(self, name)[rows] for name in self.__slots__})


def requests(count: int, rng: np.random.Generator, **columns: "Words | Floats | Ints | int | bool") -> pl.DataFrame:
    """Build rows of `REQUEST` from columns; scalars are repeated, bytes are drawn from the page and the status.

    `at` is in seconds.
    """
    defaults: dict[str, object] = {"named": True, "subject": 0, "status": 200, "session": 0, "attack": -1}
    table = {name: np.broadcast_to(np.asarray(value), (count,)) for name, value in (defaults | columns).items()}
    table["at"] = (np.asarray(table["at"], np.float64) * 1e6).astype(np.int64)
    typical = np.array([float(page[2]) for page in PAGES])[table["page"]]
    spread = np.array([page[3] for page in PAGES])[table["page"]]
    size = typical * np.exp(rng.normal(0, 1, count) * spread)
    size = np.where(np.isin(table["status"], (404, 401, 403, 502)), _UNKNOWN_BYTES, size)
    table["bytes"] = np.where(np.isin(table["status"], (302, 304)), 0, size).astype(np.int64)
    return pl.DataFrame({name: pl.Series(name, table[name]).cast(dtype) for name, dtype in REQUEST.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How look-ups are made. Arrays of one value a look-up, all probabilities."""

    search: Floats
    unknown: Floats
    invoices: Floats
    claim: Floats


def look_ups(
    visits: Visits, manner: Manner, address: Words, client: Ints, session: Ints, rng: np.random.Generator
) -> list[pl.DataFrame]:
    """Return the requests of each look-up: search (again, when the number was mistyped), rights, invoices, claim.

    Assumption: pauses are log-normal, 4 s around a search, 12 s before invoices, 45 s before a claim.
    """
    count = len(visits)

    def pause(typical_s: float) -> Floats:
        return np.asarray(typical_s * np.exp(rng.normal(0, 0.6, count)) * visits.quick)

    unknown = rng.random(count) < manner.unknown
    searched = (rng.random(count) < manner.search) | unknown
    again = unknown & (rng.random(count) < 0.75)
    seen = ~unknown | again
    mistyped = visits.subject + np.where(rng.random(count) < 0.5, 1, 10) * rng.integers(1, 9, count)
    second = visits.at + pause(9.0)
    viewed = np.where(again, second, visits.at) + np.where(searched, pause(3.5), 0.0)
    bills = viewed + pause(12.0)
    sent = bills + pause(45.0)
    found = np.where(unknown, 404, 200)
    steps = (
        (searched, visits.at, SEARCH, np.where(unknown, mistyped, visits.subject), found),
        (again, second, SEARCH, visits.subject, np.full(count, 200)),
        (seen, viewed, RIGHTS, visits.subject, np.full(count, 200)),
        (seen & (rng.random(count) < manner.invoices), bills, INVOICES, visits.subject, np.full(count, 200)),
        (seen & (rng.random(count) < manner.claim), sent, CLAIM, np.zeros(count, np.int64), np.full(count, 201)),
    )
    frames = []
    for where, at, page, subject, status in steps:
        rows = np.flatnonzero(where)
        frames.append(
            requests(
                len(rows), rng, at=at[rows], page=page, subject=subject[rows], status=status[rows],
                account=visits.account[rows], address=address[rows], client=client[rows], session=session[rows],
            )
        )  # fmt: skip
    return frames


GIVES_UP: Final = 4


def log_ons(
    at: Floats, columns: "dict[str, Words | Ints]", wrong: Ints, rng: np.random.Generator, *, pages: Floats | float
) -> list[pl.DataFrame]:
    """Return the requests that open sessions: the page, wrong passwords, the right one, what the browser loads.

    Who fails `GIVES_UP` times asks for a new password, and has it three minutes later (assumption).

    `at` is the moment of success; `wrong` says how many tries fail before; `pages` with what probability the pages
    around are asked for (programs do not). `columns`: account, address, client, session.
    """
    count = len(at)
    rows = np.repeat(np.arange(count), wrong)
    # each failed try some seconds before the next
    turn = np.concatenate([np.arange(n, 0, -1) for n in wrong]) if len(rows) else np.zeros(0)
    outside = {name: columns[name] for name in ("account", "address", "client")}

    def part(chosen: Ints, when: Floats, page: int, **more: "Words | Floats | Ints | int | bool") -> pl.DataFrame:
        source = columns if more.get("session") is None else outside
        return requests(len(chosen), rng, at=when, page=page, **{n: v[chosen] for n, v in source.items()}, **more)

    shown = np.flatnonzero(rng.random(count) < pages)
    cached = np.where(rng.random(len(shown)) < 0.7, 304, 200)
    gives_up = (wrong >= GIVES_UP) & (rng.random(count) < pages)
    asked = np.flatnonzero(gives_up)
    tries = at[rows] - turn * rng.lognormal(np.log(11), 0.5, len(rows)) - 200 * gives_up[rows]
    return [
        part(shown, at[shown] - 60 - 10 * rng.random(len(shown)), LOGIN_PAGE, named=False, session=0),
        part(rows, tries, LOGIN, status=401, session=0),
        part(asked, at[asked] - 180, FORGOTTEN, named=False, session=0),
        part(np.arange(count), at, LOGIN, status=302),
        part(shown, at[shown] + 0.3, HOME_PAGE),
        part(shown, at[shown] + 0.6, SCRIPT, status=cached),
        part(shown, at[shown] + 0.7, ICON, status=cached),
    ]
