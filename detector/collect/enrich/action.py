"""Say what a request does on the portal, and whether it succeeded."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from detector.collect.formats.actions import LOGOFF_ACTIONS, LOGON_ACTIONS
from detector.config import ActionAt

REQUEST: Final = ("http.request.method", "http.response.status_code", "event.action", "event.outcome")
"""What of a RAW frame decides, beside the redacted path and whether an insured person is named."""

FAILED_FROM: Final = 400
"""First status of failure. Source: RFC 9110, section 15."""

_ENTRY: Final[dict[str, pl.DataType]] = {
    "entry": pl.Int32(),
    "named": pl.String(),
    "success": pl.List(pl.Int32),
    "failure": pl.List(pl.Int32),
}


class Actions:
    """The requests that the configuration names. The first entry that fits wins."""

    def __init__(self, entries: Sequence[ActionAt]) -> None:
        self._entries = tuple(entries)
        rows = [(index, one.action, list(one.success), list(one.failure)) for index, one in enumerate(entries)]
        self._table = pl.DataFrame([*rows, (-1, "other", [], [])], schema=_ENTRY, orient="row")

    def describe(self, requests: pl.DataFrame) -> pl.DataFrame:
        """Name the action and the outcome of unique requests; what an identity provider's log says comes first.

        A request whose method is not logged counts as a GET.
        A status that is neither among an entry's successes nor its failures leaves the outcome null.
        Shapes: `REQUEST` with url.path (redacted) and portal.has_subject -> the same rows with portal.action and
        outcome beside.
        """
        fits = [pl.when(_fits(one)).then(pl.lit(index, pl.Int32)) for index, one in enumerate(self._entries)]
        entry = pl.coalesce(*fits, pl.lit(-1, pl.Int32)).alias("entry")
        named = requests.with_columns(entry).join(self._table, on="entry", how="left", maintain_order="left")
        return named.with_columns(
            pl.coalesce(_of_a_log_of_log_ons(), "named").alias("portal.action"),
            pl.coalesce("event.outcome", _outcome()).alias("outcome"),
        ).drop("entry", "named", "success", "failure")


def _of_a_log_of_log_ons() -> pl.Expr:
    action = pl.col("event.action")
    logon = pl.when(action.is_in(LOGON_ACTIONS)).then(pl.lit("logon"))
    return pl.coalesce(logon, pl.when(action.is_in(LOGOFF_ACTIONS)).then(pl.lit("logoff")))


def _fits(entry: ActionAt) -> pl.Expr:
    fits = pl.col("url.path").str.contains(entry.path)
    if entry.method:
        method = pl.col("http.request.method").str.to_uppercase().fill_null("GET")  # what most requests are
        fits &= method.is_in([one.upper() for one in entry.method])
    if entry.subject is not None:
        fits &= pl.col("portal.has_subject") == entry.subject
    return fits


def _outcome() -> pl.Expr:
    status = pl.col("http.response.status_code")
    said_success, said_failure = pl.col("success").list.contains(status), pl.col("failure").list.contains(status)
    by_success, by_failure = pl.col("success").list.len() > 0, pl.col("failure").list.len() > 0
    success = pl.when(by_success).then(said_success).otherwise((status < FAILED_FROM) & ~said_failure)
    failure = pl.when(by_failure).then(said_failure).otherwise((status >= FAILED_FROM) & ~said_success)
    outcome = pl.when(success).then(pl.lit("success")).when(failure).then(pl.lit("failure"))
    return pl.when(status.is_not_null()).then(outcome)
