"""Join what is known of the address, the client, the account, the request and the hour to every line."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, Final

import polars as pl

from detector.collect.enrich.account import Directory
from detector.collect.enrich.action import REQUEST, Actions
from detector.collect.enrich.area import Areas
from detector.collect.enrich.calendar import LocalTime
from detector.collect.enrich.client import read_clients
from detector.collect.enrich.mask import masked_text, without_guard
from detector.collect.enrich.memo import Memo, over_unique
from detector.collect.enrich.origin import Origins
from detector.collect.enrich.proxy import Proxies
from detector.collect.enrich.secret import Secret, configured_secret, random_secret
from detector.collect.enrich.subject import IDENTIFIER, Subjects
from detector.collect.enrich.tokens import Tokens
from detector.config import Config
from detector.schema import EVENT, RAW, conform

WRITABLE: Final = ("http.request.method", "http.version", "url.domain", "event.action", "error.message")
"""Texts of few values that a client has a hand in: nobody's identifier belongs there, anybody's may be put there."""

THREADS: Final = 2
WORTH_THREADS: Final = 20_000
"""Rows from which two threads are faster: below, they wait for each other's hold on the interpreter."""


class Enricher:
    """Turns RAW frames into EVENT frames, each line for itself: no line changes another's result.

    The key of the tokens is `secret`, else the configured one, else a random one for this run.
    Raises: `FaultsError` if the directory, a table or the key cannot be read.
    """

    def __init__(self, config: Config, secret: Secret | None = None) -> None:
        self.secret = secret or configured_secret(config.portal.key) or random_secret()
        self._tokens = Tokens(self.secret)
        self._areas = Areas(config.portal.subject_area, self._tokens)
        self._proxies = Proxies(config.input.trusted_proxies)
        self._origins = Origins(config.networks)
        self._clients = Memo(read_clients)
        self._directory = Directory(config.accounts)
        self._subjects = Subjects(config.portal.subjects)
        self._actions = Actions(config.portal.actions)
        self._calendar = LocalTime(config.calendar)

    def enrich(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Describe every line by what is known of its parts.

        Shapes: RAW -> EVENT, the same rows in the same order.
        """
        raw = conform(raw, RAW)
        known = raw.select("@timestamp", "user.name", "http.response.status_code", "http.response.body.bytes")
        known = known.with_columns(raw.select("event.duration", "log.file.path", "log.offset"))
        parts: list[Callable[[], pl.DataFrame]] = [
            lambda: self._requests(raw),
            lambda: self._origins.describe(self._proxies.client(raw)),
            lambda: self._redacted(raw, "http.request.referrer"),
            lambda: self._sessions(raw),
            lambda: self._agents(raw["user_agent.original"]),
            lambda: self._directory.describe(raw["user.name"]),
            lambda: self._calendar.describe(raw["@timestamp"]),
            lambda: self._texts(raw),
        ]
        for part in _answers(parts, raw.height):
            known = known.with_columns(part)
        return conform(known, EVENT)

    def _agents(self, agents: pl.Series) -> pl.DataFrame:
        clients = self._clients(agents.to_frame()).drop("user_agent.original")
        return clients.rename({"agent": "user_agent.original"})

    @staticmethod
    def _texts(raw: pl.DataFrame) -> pl.DataFrame:
        said = [name for name in WRITABLE if raw[name].null_count() < raw.height]
        masked = [over_unique(raw.select(name), _masked)["masked"].alias(name) for name in said]
        return pl.DataFrame(masked) if masked else raw.select("url.domain")

    def _requests(self, raw: pl.DataFrame) -> pl.DataFrame:
        urls = self._subjects.identify(raw)
        identifiers = urls[IDENTIFIER]
        told = identifiers.is_not_null().alias("portal.has_subject")
        done = over_unique(raw.select(REQUEST).with_columns(urls["url.path"], told), self._actions.describe)
        return urls.drop(IDENTIFIER).with_columns(
            done["portal.action"],
            done["outcome"].alias("event.outcome"),
            self._tokens.subjects(identifiers).alias("portal.subject"),
            self._blocks(identifiers, raw["http.response.status_code"]).alias("portal.subject_block"),
            self._areas.describe(identifiers),
        )

    def _blocks(self, identifiers: pl.Series, status: pl.Series) -> pl.Series:
        missed = (status.is_between(400, 499) & identifiers.is_not_null()).fill_null(False).arg_true()
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(identifiers))
        return nothing.scatter(missed, self._tokens.blocks(identifiers.gather(missed)))

    def _redacted(self, raw: pl.DataFrame, name: str) -> pl.DataFrame:
        if raw[name].null_count() == raw.height:
            return raw.select(name)
        return self._subjects.redact(raw[name]).select(pl.col("url.original").alias(name))

    def _sessions(self, raw: pl.DataFrame) -> pl.DataFrame:
        return self._tokens.sessions(raw["portal.session"]).alias("portal.session").to_frame()

    def working(self, day: date) -> bool | None:
        """Tell whether a local day is neither a weekend nor a day off."""
        return self._calendar.working(day)

    def describe(self) -> dict[str, Any]:
        """Return facts for the statistics: the key's origin, the tables' ages, the directory's size, warnings."""
        people = self._directory.table
        return {
            "key_origin": self.secret.origin,
            "table_age_days": self._origins.ages_days(),
            "directory_accounts": people.height,
            "accounts_without_profession": people["portal.profession"].null_count(),
            "warnings": self._origins.warnings(),
        }


def _answers(parts: Sequence[Callable[[], pl.DataFrame]], rows: int) -> list[pl.DataFrame]:
    if rows < WORTH_THREADS:
        return [part() for part in parts]
    with ThreadPoolExecutor(THREADS) as threads:  # much is one-threaded inside Polars, which frees the interpreter
        return list(threads.map(lambda part: part(), parts))


def _masked(texts: pl.DataFrame) -> pl.DataFrame:
    return texts.with_columns(masked_text(without_guard(texts.to_series())).alias("masked"))
