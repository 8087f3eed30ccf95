"""Put what is known of an address beside it: country, network, and the groups it belongs to."""

import polars as pl

from detector import clock
from detector.collect.enrich.address import read_addresses
from detector.collect.enrich.memo import Memo
from detector.collect.enrich.network import NUMBER, named_network, network_table
from detector.collect.enrich.network_kind import NetworkKinds
from detector.collect.enrich.place import country_table
from detector.config import Networks


class Origins:
    """The tables of addresses, asked once for each address."""

    def __init__(self, where: Networks) -> None:
        self._countries = country_table(where.country_table)
        self._networks = network_table(where.asn_table)
        self._kinds = NetworkKinds(where.kinds_file)
        self._max_age_days = where.max_table_age_days
        self._known = Memo(self._look_up)

    def describe(self, addresses: pl.Series) -> pl.DataFrame:
        """Read addresses and look them up; what is no address becomes nulls.

        Shapes: n String -> n rows {source.ip, source.geo.country_iso_code, source.as.number,
        source.as.organization.name, portal.source, portal.network, portal.network_kind}.
        """
        return self._known(addresses.to_frame("text")).drop("text")

    def _look_up(self, texts: pl.DataFrame) -> pl.DataFrame:
        addresses = read_addresses(texts["text"])
        networks = self._networks.networks(addresses)
        found = texts.hstack(addresses).hstack(networks)
        return found.with_columns(
            self._countries.countries(addresses).alias("source.geo.country_iso_code"),
            named_network(),
            self._kinds.kinds(addresses, networks[NUMBER]).alias("portal.network_kind"),
        ).drop("family", "number", "prefix")

    def ages_days(self) -> dict[str, int]:
        """Return the age of each table's data."""
        today = clock.now().date()
        tables = {"country": self._countries.built, "asn": self._networks.built}
        return {name: (today - built).days for name, built in tables.items()}

    def warnings(self) -> list[str]:
        """Say which tables are older than the configuration allows."""
        return [
            f"the {name} table is {days} days old, networks.max_table_age_days is {self._max_age_days}: "
            f"set networks.{name}_table to a newer one"
            for name, days in self.ages_days().items()
            if days > self._max_age_days
        ]
