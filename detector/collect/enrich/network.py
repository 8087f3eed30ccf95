"""Say which network an address belongs to: ASN, organisation, and the name it goes by."""

from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from detector.collect.enrich.mmdb import Mmdb
from detector.collect.enrich.place import TABLES, by_family, shipped_day
from detector.collect.enrich.ranges import Ranges

NUMBER = "source.as.number"
ORGANIZATION = "source.as.organization.name"


class NetworkTable(Protocol):
    """A table of autonomous systems and the day its data were made."""

    built: date

    def networks(self, addresses: pl.DataFrame) -> pl.DataFrame:
        """Return the ASN and the organisation, or nulls, for every address.

        Shapes: n rows of `address.SCHEMA` -> n rows {source.as.number, source.as.organization.name}.
        """


def network_table(path: Path | None) -> NetworkTable:
    """Open the user's table, or the shipped one."""
    return ShippedNetworks() if path is None else UserNetworks(path)


class ShippedNetworks:
    """The table that ships with the package. Source: Route Views, RIPE and DB-IP by way of ip-location-db."""

    def __init__(self) -> None:
        self.built = shipped_day("asn")
        self._ranges = {family: Ranges.read(TABLES / f"asn_v{family}.parquet") for family in (4, 6)}
        self._names = pl.read_parquet(TABLES / "organizations.parquet").select(
            pl.col("number").cast(pl.Int64).alias(NUMBER), pl.col("organization").alias(ORGANIZATION)
        )

    def networks(self, addresses: pl.DataFrame) -> pl.DataFrame:
        """Look both families up. Shapes: as `NetworkTable`."""
        numbers = by_family(self._ranges, addresses).cast(pl.Int64).alias(NUMBER).to_frame()
        return numbers.join(self._names, on=NUMBER, how="left", maintain_order="left")


class UserNetworks:
    """A .mmdb of the user's."""

    def __init__(self, path: Path) -> None:
        self._table = Mmdb(path)
        self.built = self._table.built

    def networks(self, addresses: pl.DataFrame) -> pl.DataFrame:
        """Look addresses up one by one. Shapes: as `NetworkTable`."""
        numbers, names = self._table.networks(addresses["source.ip"])
        return pl.DataFrame({NUMBER: numbers, ORGANIZATION: names}, schema={NUMBER: pl.Int64, ORGANIZATION: pl.String})


def named_network() -> pl.Expr:
    """Name the network `AS3215`, or by its routed prefix where no table knows.

    Source: six in a hundred French addresses have no network in the open table (DESIGN.md, Models).
    """
    return pl.coalesce(pl.format("AS{}", NUMBER), "prefix").alias("portal.network")
