"""Read a .mmdb of the user's own: MaxMind, DB-IP or IPinfo, nested or flat."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import maxminddb

from detector.errors import Fault, FaultsError

COUNTRY = ("country.iso_code", "country_code", "country", "registered_country.iso_code")
NUMBER = ("autonomous_system_number", "traits.autonomous_system_number", "asn", "as_number")
ORGANIZATION = ("autonomous_system_organization", "traits.autonomous_system_organization", "as_name", "name", "org")
"""Where the layouts keep it, dots between levels; the first that is there is taken.

Source: GeoLite2 and DB-IP (nested country, flat ASN), IPinfo Lite and ip-location-db (flat).
"""


class Mmdb:
    """A table of addresses, looked up one by one: for unique addresses only."""

    def __init__(self, path: Path) -> None:
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        except (OSError, maxminddb.InvalidDatabaseError) as fault:
            raise FaultsError([Fault(str(path), 1, f"cannot be read as .mmdb: {fault}")]) from None
        self.built: date = datetime.fromtimestamp(self._reader.metadata().build_epoch, UTC).date()

    def countries(self, addresses: Iterable[str | None]) -> list[str | None]:
        """Return the two-letter code of each address's country."""
        return [_code(_first(record, COUNTRY)) for record in map(self._record, addresses)]

    def networks(self, addresses: Iterable[str | None]) -> tuple[list[int | None], list[str | None]]:
        """Return the ASN and the organisation of each address."""
        records = [self._record(address) for address in addresses]
        numbers = [_number(_first(record, NUMBER)) for record in records]
        names = [_text(_first(record, ORGANIZATION)) for record in records]
        return numbers, names

    def _record(self, address: str | None) -> Mapping[str, Any]:
        if address is None or (":" in address and self._reader.metadata().ip_version == 4):
            return {}
        record = self._reader.get(address)
        return record if isinstance(record, dict) else {}


def _first(record: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    for path in paths:
        value: Any = record
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None and not isinstance(value, Mapping):
            return value
    return None


def _code(value: Any) -> str | None:
    return value.upper() if isinstance(value, str) and len(value) == 2 else None


def _number(value: Any) -> int | None:
    digits = str(value).upper().removeprefix("AS").partition(" ")[0]
    return int(digits) if digits.isdecimal() else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
