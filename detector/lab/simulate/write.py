"""Write requests as the lines of a web server, and beside them the directory of accounts and a configuration."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import numpy as np
import polars as pl

from detector.lab.simulate import clients, places, portal
from detector.lab.simulate.population import Population
from detector.lab.simulate.professions import PROFESSIONS
from detector.lab.simulate.rhythm import mix
from detector.lab.simulate.subjects import CODES

SLICE_ROWS: Final = 500_000
SITE: Final = "https://portail.example"
SESSION_PAGES: Final = (portal.LOGIN_PAGE, portal.HEALTH, portal.ENV, portal.WORDPRESS)

FILES: Final = {
    "combined_session": "access.log",
    "combined": "access.log",
    "json": "access.json.log",
    "w3c": "u_ex.log",
}
"""Output formats and the name of the log in each."""


def strangers(count: int) -> list[str]:
    """Return names that no account has, as on lists of other sites' users."""
    return [f"user{number:05d}" for number in range(count)]


def _labels(values: pl.Series, write: Callable[[int], str]) -> pl.Series:
    """Write each distinct value once and hand it to all rows."""
    distinct = values.unique().sort()
    texts = pl.Series(values.name, [write(value) for value in distinct.to_list()], pl.String)
    return values.replace_strict(distinct, texts, return_dtype=pl.String)


def addresses(frame: pl.DataFrame) -> pl.Series:
    """Write addresses; the device half of an IPv6 address changes with the session (privacy addresses)."""
    host = mix(frame["address"].to_numpy(), frame["session"].to_numpy())
    pair = pl.DataFrame({"address": frame["address"], "host": pl.Series(host)})
    pair = pair.with_columns(host=pl.when(pl.col("address") < places.V6).then(0).otherwise("host").cast(pl.UInt64))
    distinct = pair.unique(maintain_order=True)
    texts = [places.text(address, host) for address, host in distinct.iter_rows()]
    return pair.join(distinct.with_columns(text=pl.Series(texts, dtype=pl.String)), on=["address", "host"], how="left",
                     maintain_order="left")["text"]  # fmt: skip


def columns(frame: pl.DataFrame, names: list[str], seed: int) -> pl.DataFrame:
    """Turn requests into the texts of a line.

    Shapes: `REQUEST` -> time, address, user, method, target, status, bytes, referrer, agent, session; same rows.
    """
    page = pl.col("page").cast(pl.Int32)
    prefix = page.replace_strict(
        dict(enumerate(one[1].partition("{}")[0] for one in portal.PAGES)), return_dtype=pl.String
    )
    suffix = page.replace_strict(
        dict(enumerate(one[1].partition("{}")[2] for one in portal.PAGES)), return_dtype=pl.String
    )
    identifier = pl.when(pl.col("subject") > 0).then(pl.col("subject").cast(pl.String)).otherwise(pl.lit(""))
    who = pl.Series("name", names, pl.String).gather(frame["account"].clip(0).cast(pl.UInt32))
    known = (pl.col("session") > 0) & ~pl.col("page").is_in(SESSION_PAGES)
    return frame.with_columns(who.alias("name")).select(
        time=pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC"),
        address=addresses(frame),
        user=pl.when("named").then("name").otherwise(pl.lit("-")),
        method=page.replace_strict(dict(enumerate(one[0] for one in portal.PAGES)), return_dtype=pl.String),
        target=pl.concat_str(prefix, identifier, suffix),
        status=pl.col("status").cast(pl.String),
        bytes=pl.col("bytes").cast(pl.String),
        referrer=pl.when(page.is_in((portal.RIGHTS, portal.INVOICES, portal.CLAIM, portal.SCRIPT)))
        .then(pl.lit(f"{SITE}/"))
        .otherwise(pl.lit("-")),
        agent=_labels(frame["client"], clients.agent),
        session=pl.when(known)
        .then(_labels(frame["session"], lambda number: _secret(number, seed)))
        .otherwise(pl.lit("-")),
    )


def _secret(session: int, seed: int) -> str:
    """Return a session's cookie: 32 hexadecimal digits."""
    return f"{int(mix(session, seed)):016x}{int(mix(session, seed, 1)):016x}"


def _combined(table: pl.DataFrame, *, session: bool) -> pl.Series:
    local = pl.col("time").dt.convert_time_zone("Europe/Paris").dt.strftime("%d/%b/%Y:%H:%M:%S %z")
    parts = (
        "address", pl.lit(" - "), "user", pl.lit(" ["), local, pl.lit('] "'), "method", pl.lit(" "), "target",
        pl.lit(' HTTP/1.1" '), "status", pl.lit(" "), "bytes", pl.lit(' "'), "referrer", pl.lit('" "'), "agent",
        *((pl.lit('" "'), "session", pl.lit('"')) if session else (pl.lit('"'),)),
    )  # fmt: skip
    return table.select(line=pl.concat_str(*parts))["line"]


def _json(table: pl.DataFrame) -> pl.Series:
    """Write nginx's `escape=json` objects, fields named after its variables."""
    names = {"time": "time_iso8601", "address": "remote_addr", "user": "remote_user", "method": "request_method",
             "target": "request_uri", "status": "status", "bytes": "body_bytes_sent", "referrer": "http_referer",
             "agent": "http_user_agent", "session": "session"}  # fmt: skip
    iso = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    record = pl.struct(
        (iso if old == "time" else pl.when(pl.col(old) == "-").then(pl.lit("")).otherwise(pl.col(old))).alias(new)
        for old, new in names.items()
    )
    return table.select(line=record.struct.json_encode())["line"]


def _w3c(table: pl.DataFrame) -> pl.Series:
    target = pl.col("target").str.split_exact("?", 1)
    parts = (
        pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"), "address", "user", "method",
        target.struct.field("field_0"), target.struct.field("field_1").fill_null("-"), "status", "bytes",
        pl.col("agent").str.replace_all(" ", "+", literal=True), "referrer", "session",
    )  # fmt: skip
    return table.select(line=pl.concat_str(*parts, separator=" "))["line"]


W3C_HEAD: Final = (
    "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"
    "#Fields: date time c-ip cs-username cs-method cs-uri-stem cs-uri-query sc-status sc-bytes "
    "cs(User-Agent) cs(Referer) cs(X-Session)\n"
)


def lines(table: pl.DataFrame, log_format: str) -> pl.Series:
    """Return the lines of a table of `columns`, without their ends."""
    if log_format == "json":
        return _json(table)
    if log_format == "w3c":
        return _w3c(table)
    return _combined(table, session=log_format == "combined_session")


def log(frame: pl.DataFrame, names: list[str], seed: int, path: Path, log_format: str) -> tuple[pl.Series, int]:
    """Write the log, as .gz when so named; return each line's offset in the plain text, and its size."""
    head = W3C_HEAD if log_format == "w3c" else ""
    size, offsets = len(head), []
    with _opened(path) as out:
        out.write(head.encode())
        for part in _slices(frame):
            texts = lines(columns(part, names, seed), log_format)
            ends = texts.str.len_bytes().cast(pl.Int64).cum_sum() + pl.Series(np.arange(1, len(texts) + 1))
            offsets.append(ends.shift(1, fill_value=0) + size)
            size += int(ends[-1])
            out.write(texts.to_frame("line").write_csv(include_header=False, quote_style="never").encode())
    return pl.concat(offsets) if offsets else pl.Series([], dtype=pl.Int64), size


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as plain:
        if path.suffix != ".gz":
            yield plain
            return
        # no name and no time inside: the same seed gives the same bytes
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0, compresslevel=6) as packed:
            yield packed  # type: ignore[misc]


def _slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for start in range(0, frame.height, SLICE_ROWS):
        yield frame.slice(start, SLICE_ROWS)


def directory(people: Population, path: Path) -> None:
    """Write accounts.csv: the accounts that the portal's directory knows."""
    pl.DataFrame(
        {
            "account": people.names,
            "profession": [PROFESSIONS[number].name for number in people.profession],
            "organization": people.organization,
            "department": [f"{code:02d}" for code in _codes(people)],
            "kind": ["software" if is_software else "person" for is_software in people.software],
        }
    ).filter(pl.Series(people.listed)).write_csv(path)


def _codes(people: Population) -> list[int]:
    return [int(code) for code in CODES[people.department]]


def configuration(log_format: str) -> str:
    """Return a configuration that reads this portal as it is."""
    fields = "json" if log_format == "json" else log_format
    return f"""\
# Reads the simulated log beside it: detector batch --config detector.yml {FILES[log_format]}
input:
  format: {fields}
portal:
  subjects:
    - path: '^/patients/([^/]+)'
    - query: nir
  actions:
    - {{action: logon, method: [POST], path: '^/login$', success: [302], failure: [401]}}
    - {{action: logoff, path: '^/logout$'}}
    - {{action: search, method: [GET], path: '^/search$'}}
    - {{action: record_view, method: [GET], path: '^/patients/[^/]+/(rights|invoices)$'}}
    - {{action: claim, method: [POST], path: '^/claims$'}}
    - {{action: export, method: [GET], path: '^/exports/'}}
accounts:
  file: accounts.csv
calendar:
  timezone: Europe/Paris
  country: FR
"""
