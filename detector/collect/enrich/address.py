"""Read addresses: canonical text, number, and the prefixes that group them."""

import ipaddress
import re
from typing import Final

import polars as pl

SCHEMA: Final = pl.Schema(
    {
        "source.ip": pl.String,
        "family": pl.Int8,
        "number": pl.UInt64,
        "portal.source": pl.String,
        "prefix": pl.String,
    }
)
"""`number` is the IPv4 address, or the upper half of the IPv6 one; `prefix` its /16 or /32."""

V4: Final = r"^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$"
_BRACKETED: Final = re.compile(r"\[([^\]]*)\](?::\d+)?")
_V4_PORT: Final = re.compile(r"([0-9.]+):\d+")


def read_addresses(texts: pl.Series) -> pl.DataFrame:
    """Read unique texts as addresses; what is none becomes nulls.

    IPv4 goes by columns; the others (IPv6, ports, brackets, junk) one by one.
    Shapes: n texts -> n rows in `SCHEMA`, in order.
    """
    frame = texts.to_frame("text").with_row_index("row")
    plain = frame.filter(pl.col("text").str.contains(V4))
    read = _v4(plain)
    odd = frame.join(read, on="row", how="anti")
    rows = [(row, *_one(text)) for row, text in odd.iter_rows()]
    others = pl.DataFrame(rows, schema={"row": pl.UInt32, **SCHEMA}, orient="row")
    return pl.concat([read, others]).sort("row").drop("row")


def _v4(plain: pl.DataFrame) -> pl.DataFrame:
    octets = plain["text"].str.split_exact(".", 3).struct.unnest().cast(pl.UInt64)
    number = pl.fold(
        pl.lit(0, pl.UInt64), lambda total, octet: total * 256 + octet, pl.all(), return_dtype=pl.UInt64
    ).alias("number")
    valid = pl.all_horizontal(pl.all() <= 255).alias("valid")
    joined = plain.hstack(octets.select(number, valid, prefix=pl.format("{}.{}.0.0/16", *octets.columns[:2])))
    return joined.filter("valid").select(
        "row",
        pl.col("text").alias("source.ip"),
        pl.lit(4, pl.Int8).alias("family"),
        "number",
        pl.col("text").alias("portal.source"),
        "prefix",
    )


def _one(text: str | None) -> tuple[str | None, int | None, int | None, str | None, str | None]:
    address = parse_address(text)
    if address is None:
        return None, None, None, None, None
    if isinstance(address, ipaddress.IPv4Address):
        prefix = ipaddress.ip_network((address, 16), strict=False)
        return str(address), 4, int(address), str(address), str(prefix)
    wide, narrow = (ipaddress.ip_network((address, bits), strict=False) for bits in (32, 64))
    return str(address), 6, int(address) >> 64, str(narrow), str(wide)


def parse_address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read one address: brackets, port, zone id and IPv4-mapped form are taken off; None if it is none."""
    if not text or len(text) > 120:  # longest is an IPv6 with a zone; a header of 100 kB is not worth a look
        return None
    text = text.strip().strip('"')
    if match := _BRACKETED.fullmatch(text) or _V4_PORT.fullmatch(text):
        text = match[1]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
