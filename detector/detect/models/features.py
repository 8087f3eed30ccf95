"""List what is measured of an account's day, and the family of evidence each belongs to."""

from dataclasses import dataclass
from typing import Final

from detector.context.day import SUBNET


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One measure. How it reads, and its unit, are `reason.` and `unit.` of its name in the languages' catalogues."""

    name: str
    family: str


OVERLAP: Final = Feature(name="overlap_day", family="session")
COUNTS: Final = (
    Feature(name="records_10min", family="volume"),
    Feature(name="records_1h", family="volume"),
    Feature(name="records_day", family="volume"),
    Feature(name="records_7d", family="volume"),
    Feature(name="records_30d", family="volume"),
    Feature(name="requests_day", family="volume"),
    Feature(name="megabytes_day", family="volume"),
    Feature(name="unclaimed", family="session"),
    Feature(name="missed_day", family="errors"),
    Feature(name="unfamiliar_day", family="source"),
    OVERLAP,
)

CLIENTELE: Final = Feature(name="clientele", family="subjects")
AREAS: Final = Feature(name="areas", family="subjects")
CLAIMS: Final = Feature(name="claims", family="subjects")
"""What makes somebody's look-ups unlike the account's own: their surprise is one, of all three."""

COUNTRY: Final = Feature(name="country", family="geography")
NETWORK: Final = Feature(name="network", family="network")
CLIENT: Final = Feature(name="client", family="device")
ADDRESS: Final = Feature(name="address", family="source")
HOUR: Final = Feature(name="hour", family="time")

SILENCE: Final = Feature(name="silence", family="silence")

TRAIT_FEATURES: Final = {
    "source.geo.country_iso_code": COUNTRY,
    "portal.network": NETWORK,
    SUBNET: ADDRESS,
    "portal.client": CLIENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of evidence: what share of its surprise counts, and the most it may add to the sum.

    - `where`: it says that somebody may be elsewhere than usual, not what is being taken
    - `floor`: below zero where the evidence may speak for the account: its own clientele, in whatever number and
      from wherever, is no theft
    """

    weight: float
    cap: float
    where: bool = False
    floor: float = 0.0


FAMILIES: Final = {
    "volume": Family(weight=1.0, cap=6.0),
    "subjects": Family(weight=1.3, cap=9.0, floor=-8.0),
    "session": Family(weight=0.7, cap=5.0),
    "errors": Family(weight=0.5, cap=2.0),
    "source": Family(weight=0.6, cap=3.0, where=True),
    "geography": Family(weight=0.5, cap=2.5, where=True),
    "network": Family(weight=0.5, cap=3.0, where=True),
    "device": Family(weight=0.5, cap=1.5, where=True),
    "time": Family(weight=0.7, cap=1.5, where=True),
    "silence": Family(weight=0.7, cap=2.0, where=True),
}
"""Weights below one because the tails of real counts and places are heavier than the models say, and because
families lean on each other; above one for the clientele, whose urn gives up much of what it sees.

Source: chosen on validation seeds 11, 12, 21 to 23, 31 and 32 of `detector simulate`, together with the threshold of
the configuration; figures on other seeds are in the README.
"""

WHERE_CAP: Final = 4.0
"""Most that all families of place and time may add: a professional abroad with a new laptop at night is odd,
but no theft, until records are read as a thief would read them."""
