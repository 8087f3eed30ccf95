"""Read addresses: a valid one in its one canonical spelling, or null. A host's name is kept nowhere."""

import ipaddress
import re
from typing import Final

import polars as pl

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4: Final = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
ADDRESS_LIST: Final = r"^[0-9A-Fa-f:.\[\]%_a-z]*[0-9A-Fa-f:.\]]+(?:, ?[0-9A-Za-z:.\[\]%_-]+)*$"
_CANDIDATE: Final = r'^[\s"]*(?:\[?[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%[^\]\s]*)?\]?|[0-9.]+)(?::\d+)?[\s"]*$'
"""What may be an address. A log full of hosts' names then costs no look at each."""
_WITH_PORT: Final = re.compile(r"\A(?:\[(?P<six>[^\]]*)\](?::\d+)?|(?P<four>\d+\.\d+\.\d+\.\d+):\d+)\Z")


def canonical(text: str) -> str | None:
    """Return the address in its canonical spelling, or None.

    A port, brackets and a zone id are cut off; an IPv4-mapped address is the IPv4 one.
    Source: RFC 5952 (spelling), RFC 4291 2.5.5.2 (mapped), RFC 4007 11 (zones).
    """
    text = text.strip().strip('"')
    if match := _WITH_PORT.match(text):
        text = match["six"] or match["four"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def read_addresses(texts: pl.Series) -> pl.Series:
    """Read one address a row. Plain IPv4 is seen by columns; the rest by its distinct values.

    Shapes: String -> String, same rows; null where there is no valid address.
    """
    plain = texts.str.contains(IPV4)
    if plain.all(ignore_nulls=True):
        return texts
    frame = pl.DataFrame({"text": texts, "plain": plain})
    text = pl.col("text")
    odd = frame.select(pl.when(~pl.col("plain") & text.str.contains(_CANDIDATE)).then(text)).to_series()
    values = odd.unique().drop_nulls()
    meant = pl.Series([canonical(one) for one in values.to_list()], dtype=pl.String)
    odd = odd.replace_strict(values, meant, default=None, return_dtype=pl.String)
    return frame.select(pl.when("plain").then("text").otherwise(odd).alias(texts.name)).to_series()
