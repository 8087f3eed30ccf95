r"""Understand the fields that a portal adds behind the combined format: session, request time, X-Forwarded-For.

What each position holds is learnt once, from the first lines, and then kept: if it were judged line by line, a client
that sends `Cookie: sid=10.0.0.1` would turn its session into a forwarded address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from detector.collect.formats.addresses import ADDRESS_LIST
from detector.collect.formats.shape import nanoseconds, value

Role = Literal["session", "duration", "milliseconds", "microseconds", "forwarded_for", "other"]

FIELD: Final = r'(?:[\w.-]+=)?"[^"]*"|[^\s",]+(?:, ?[^\s",]+)*'
"""One trailing field: a word, a list of words, a quoted text, or any of them behind `name=`."""

_NAME: Final = r"^\"?([A-Za-z_$][\w.$-]*)="
_DURATION: Final = r"^\d+\.\d+s?$|^\d+(?:\.\d+)?ms$"
_SESSION: Final = r"^[\w+/=.:~%$-]+$"
_SESSION_BYTES: Final = (8, 512)
_NOT_SESSION: Final = (
    r"^[\d.,:-]{1,11}m?s?$|^\d+\.\d+$|^\d{4}-\d\d-\d\d|^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?$|^https?:|^[A-Za-z]+$|^/"
)
_NAMED: Final[dict[str, Role]] = {
    "rt": "duration",
    "request_time": "duration",
    "request-time": "duration",
    "time": "duration",
    "duration": "duration",
    "xff": "forwarded_for",
    "x_forwarded_for": "forwarded_for",
    "x-forwarded-for": "forwarded_for",
    "uct": "other",
    "uht": "other",
    "urt": "other",
    "upstream_response_time": "other",
    "request_id": "other",
    "rid": "other",
}
_KNOWN_NAME: Final = f"^(?i:{'|'.join(_NAMED)})="
_MOST_POSITIONS: Final = 16
_SHARE: Final = 0.9
_ENOUGH: Final = 200
"""Values from which one may tell a request's number, new on every line, from a session, which comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailing:
    """What each field behind the combined format holds, by position."""

    roles: tuple[Role, ...] = ()

    def read(self, tails: pl.Series) -> dict[str, pl.Series]:
        """Take the known fields out of the trailing text.

        A line with more or fewer fields than were learnt gives none: a quote in the client's name may have made them.

        Shapes: String -> {column of FIELDS: Series}, same rows.
        """
        wanted = [(at, role) for at, role in enumerate(self.roles) if role != "other"]
        if not wanted:
            return {}
        if self.roles == ("session",):
            words = tails.str.contains(r'^(?: [^\s"=]+)?$')
            if words.all():
                return {"portal.session": tails.str.slice(1)}
        tokens = tails.str.extract_all(FIELD).to_frame("tokens")
        counted = pl.col("tokens").list.len() == len(self.roles)
        columns: dict[str, pl.Series] = {}
        for at, role in wanted:
            token = pl.when(counted).then(pl.col("tokens").list.get(at, null_on_oob=True))
            name, expression = _column(role, token)
            columns.setdefault(name, tokens.select(expression.alias(name)).to_series())
        return columns


NOTHING: Final = Trailing()


def _bare(token: pl.Expr) -> pl.Expr:
    """Take the quotes and the name off a field; an unknown name before less than four characters is none."""
    bare = token.str.strip_chars('"').str.replace(_KNOWN_NAME, "")
    return bare.str.replace(_NAME + "(.{4,})$", "$2").str.strip_chars('"')


def _column(role: Role, token: pl.Expr) -> tuple[str, pl.Expr]:
    bare = _bare(token)
    if role == "session":
        return "portal.session", value(bare)
    if role == "forwarded_for":
        return "portal.forwarded_for", pl.when(bare.str.contains(ADDRESS_LIST)).then(bare)
    if role != "duration":
        return "event.duration", nanoseconds(bare, {"milliseconds": 1e3, "microseconds": 1e6}[role])
    milli = bare.str.ends_with("ms")
    number = bare.str.strip_chars_end("ms")
    return "event.duration", pl.when(milli).then(nanoseconds(number, 1e3)).otherwise(nanoseconds(number, 1.0))


def learn(tails: pl.Series, users: pl.Series) -> Trailing:
    """Say what each trailing position holds, from the first lines of a log.

    `users` is who made each request: where people come back and the token never does, it numbers requests.
    """
    tokens = tails.str.extract_all(FIELD)
    counts = tokens.list.len()
    commonest = counts.mode().max()
    positions = min(commonest, _MOST_POSITIONS) if isinstance(commonest, int) else 0
    tokens, users = tokens.filter(counts == positions), users.filter(counts == positions)
    roles = [_role(tokens.list.get(at, null_on_oob=True), users) for at in range(positions)]
    return Trailing(roles=tuple(_first_of_each(roles)))


def _first_of_each(roles: Sequence[Role]) -> list[Role]:
    return [role if role not in roles[:at] else "other" for at, role in enumerate(roles)]


def _role(tokens: pl.Series, users: pl.Series) -> Role:
    names = tokens.str.extract(_NAME).str.to_lowercase().drop_nulls()
    if len(names) and len(names) == tokens.drop_nulls().len() and (known := _NAMED.get(names[0])):
        return known
    frame = pl.DataFrame({"bare": tokens, "user": users}).with_columns(_bare(pl.col("bare")))
    frame = frame.filter((pl.col("bare") != "-") & (pl.col("bare") != ""))
    bare = frame["bare"]
    if frame.is_empty():
        return "other"

    def share(holds: pl.Series) -> float:
        return float(holds.sum()) / len(bare)

    looks_like: dict[Role, pl.Series] = {
        "duration": bare.str.contains(_DURATION),
        "forwarded_for": bare.str.contains(ADDRESS_LIST) & bare.str.contains(r"[.:]"),
        "session": bare.str.contains(_SESSION)
        & ~bare.str.contains(_NOT_SESSION)
        & bare.str.len_bytes().is_between(*_SESSION_BYTES),
    }
    for role, holds in looks_like.items():
        if share(holds) >= _SHARE:
            return "other" if role == "session" and _numbers_requests(frame) else role
    return "other"


def _numbers_requests(frame: pl.DataFrame) -> bool:
    rows = frame.height
    return rows >= _ENOUGH and frame["bare"].n_unique() > 0.99 * rows and frame["user"].n_unique() < 0.5 * rows
