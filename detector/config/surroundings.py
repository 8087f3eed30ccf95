"""What is known of accounts, days and addresses beside the lines."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from detector.config.section import Section, Zone


class Accounts(Section):
    """The account directory, CSV or Parquet: one row an account."""

    file: Path | None = None
    columns: dict[Literal["account", "profession", "organization", "department", "kind"], str] = Field(
        default_factory=dict, description="our name: name in the file, where they differ"
    )


class Calendar(Section):
    """Local time and days off of the people who work on the portal."""

    timezone: Zone = "Europe/Paris"
    country: str | None = "FR"
    subdivision: str | None = None
    extra_days_off: tuple[date, ...] = ()


class Networks(Section):
    """Tables of addresses. Null: those that ship with the package."""

    country_table: Path | None = None
    asn_table: Path | None = None
    kinds_file: Path | None = Field(None, description="hosting, VPN, Tor, mobile networks; adds to the shipped list")
    max_table_age_days: int = 180
