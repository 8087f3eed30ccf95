"""Say in which country an address is."""

import json
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from detector.collect.enrich.mmdb import Mmdb
from detector.collect.enrich.ranges import Ranges

TABLES: Final = Path(__file__).parent.parent / "tables"


class CountryTable(Protocol):
    """A table of countries and the day its data were made."""

    built: date

    def countries(self, addresses: pl.DataFrame) -> pl.Series:
        """Return a two-letter code, or null, for every address.

        Shapes: n rows of `address.SCHEMA` -> n String.
        """


def country_table(path: Path | None) -> CountryTable:
    """Open the user's table, or the shipped one."""
    return ShippedCountries() if path is None else UserCountries(path)


class ShippedCountries:
    """The table that ships with the package. Source: regional registries, by way of ip-location-db."""

    def __init__(self) -> None:
        self.built = shipped_day("country")
        self._ranges = {family: Ranges.read(TABLES / f"country_v{family}.parquet") for family in (4, 6)}

    def countries(self, addresses: pl.DataFrame) -> pl.Series:
        """Look both families up. Shapes: as `CountryTable`."""
        return by_family(self._ranges, addresses)


class UserCountries:
    """A .mmdb of the user's."""

    def __init__(self, path: Path) -> None:
        self._table = Mmdb(path)
        self.built = self._table.built

    def countries(self, addresses: pl.DataFrame) -> pl.Series:
        """Look addresses up one by one. Shapes: as `CountryTable`."""
        return pl.Series(self._table.countries(addresses["source.ip"]), dtype=pl.String)


def by_family(ranges: dict[int, Ranges], addresses: pl.DataFrame) -> pl.Series:
    """Look addresses up in the table of their family.

    Shapes: n rows of `address.SCHEMA` -> n values, null where no range holds.
    """
    family = addresses["family"]
    four, six = (ranges[one].at(addresses["number"]) for one in (4, 6))
    chosen = pl.when(pl.col("family") == 4).then("four").when(pl.col("family") == 6).then("six")
    return pl.DataFrame({"family": family, "four": four, "six": six}).select(chosen.alias("value"))["value"]


def shipped_day(table: str) -> date:
    """Return the day the data of a shipped table were made."""
    return date.fromisoformat(json.loads((TABLES / "tables.json").read_text("utf-8"))[table])
