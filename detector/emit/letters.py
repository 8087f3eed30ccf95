"""What waits for each sink, and its dead letters: seen and decided upon from outside, beside a run that goes on."""

import sqlite3
from dataclasses import dataclass
from typing import Final

_STANDINGS: Final = """
SELECT name, delivered, (SELECT count(*) FROM new WHERE sink = name) +
    (SELECT count(*) FROM sent_back WHERE sink = name AND NOT dead),
    (SELECT count(*) FROM sent_back WHERE sink = name AND dead), dropped, fault, fault_at FROM sink ORDER BY name
"""

_LETTERS: Final = """
SELECT sink, id, at, tries, reason, iif(json_valid(body), json_extract(body, '$.level'), ''),
    iif(json_valid(body), json_extract(body, '$.message'), '') FROM sent_back
    WHERE dead AND sink = coalesce(?, sink) AND id = coalesce(?, id) ORDER BY sink, seq
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """One sink: what it has had since it is known, what it waits for, and the last thing that went wrong."""

    name: str
    delivered: int
    pending: int
    dead_letters: int
    dropped: int
    last_fault: str | None
    last_fault_at: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """An alert that a sink refused, when and why."""

    sink: str
    id: str
    at: str
    tries: int
    reason: str
    level: str
    message: str


def standings(ledger: sqlite3.Connection) -> list[Standing]:
    """Return how each known sink stands."""
    return [Standing(*row) for row in ledger.execute(_STANDINGS)]


def dead_letters(ledger: sqlite3.Connection, sink: str | None = None, alert: str | None = None) -> list[Letter]:
    """Return dead letters, of one sink or one alert where they are named."""
    return [Letter(*row) for row in ledger.execute(_LETTERS, (sink, alert))]


def resend(ledger: sqlite3.Connection, sink: str | None = None, alert: str | None = None) -> int:
    """Let dead letters be tried again, by the run that goes on or by the next, and return how many."""
    again = """
    UPDATE held SET dead = 0, due = 0 WHERE dead AND sink = coalesce(:sink, sink)
        AND seq IN (SELECT seq FROM state.outbox WHERE id = coalesce(:id, id))
    """
    with ledger:
        return ledger.execute(again, {"sink": sink, "id": alert}).rowcount


def drop_letters(ledger: sqlite3.Connection, sink: str | None = None, alert: str | None = None) -> int:
    """Forget dead letters, and return how many."""
    gone = """
    DELETE FROM held WHERE dead AND sink = coalesce(:sink, sink)
        AND seq IN (SELECT seq FROM state.outbox WHERE id = coalesce(:id, id))
    """
    with ledger:
        return ledger.execute(gone, {"sink": sink, "id": alert}).rowcount


def drop_pending(ledger: sqlite3.Connection, sink: str) -> int:
    """Let `sink` pass over all that waits for it now, and return how many alerts that is."""
    told: dict[str, str | int] = {"sink": sink}
    with ledger:
        # A write first: what another writer does meanwhile waits, and is in neither count.
        sent_back = ledger.execute("DELETE FROM held WHERE sink = :sink AND NOT dead", told).rowcount
        (last,) = ledger.execute("SELECT coalesce(max(seq), 0) FROM state.outbox").fetchone()
        told |= {"last": last}
        (new,) = ledger.execute("SELECT count(*) FROM new WHERE sink = :sink AND seq <= :last", told).fetchone()
        told |= {"count": new + sent_back}
        ledger.execute("UPDATE sink SET upto = max(upto, :last), dropped = dropped + :count WHERE name = :sink", told)
    return int(new) + sent_back
