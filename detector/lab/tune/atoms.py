"""Say what events have in common, in the words of a Sigma filter: fields and the few values they have there."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

import polars as pl
from sigma.rule.detection import SigmaDetectionItem

from detector.detect.rules.condition import Compiler
from detector.detect.rules.predicate import Tree, some

MAX_VALUES: Final = 25
"""Values that one field of a filter lists at most: a longer list describes nothing."""

MAX_HOURS: Final = 4
LEAST_DAYS: Final = 3

FIELDS: Final = (
    "user.name", "portal.organization", "user_agent.original", "source.ip", "portal.network", "url.path",
    "portal.department", "portal.client", "portal.profession", "url.domain", "portal.kind",
    "source.geo.country_iso_code", "portal.network_kind", "portal.client_kind", "http.request.method",
)  # fmt: skip
"""What a filter may ask for by value, the most particular first: of two that mute as much here, it mutes less later."""

Value = str | int


@dataclass(frozen=True, slots=True)
class Atom:
    """One line of a filter: a field with its modifier, and the values of which it may have any."""

    field: str
    values: tuple[Value, ...]

    @property
    def column(self) -> str:
        """The field without its modifier."""
        return self.field.split("|")[0]

    def tree(self, zone: str) -> Tree:
        """Compile it the way a rule is compiled."""
        item = SigmaDetectionItem.from_mapping(self.field, list(self.written))
        compiler = Compiler(zone=zone, placeholders={})
        return some([compiler.value(self.column, value) for value in item.value])

    @property
    def written(self) -> tuple[Value, ...]:
        """The values as a rule file has them: what Sigma takes for wildcards is escaped."""
        return tuple(_escaped(value) if isinstance(value, str) else value for value in self.values)


def common(events: pl.DataFrame, zone: str) -> list[Atom]:
    """Give the lines that hold on all of the events, the most telling first. Shapes: EVENT, any rows."""
    found = [*(_equal(events, field) for field in FIELDS), _networks(events), _product(events), _hours(events, zone)]
    return [atom for atom in found if atom is not None]


def _values(events: pl.DataFrame, field: str) -> list[str] | None:
    values = events[field].unique()
    if not len(values) or len(values) > MAX_VALUES or values.null_count():
        return None
    return sorted(values.to_list())


def _equal(events: pl.DataFrame, field: str) -> Atom | None:
    values = _values(events, field)
    return None if values is None else Atom(field, tuple(values))


def _networks(events: pl.DataFrame) -> Atom | None:
    """Give the networks of addresses, /24 and /64, where they say more than the addresses."""
    addresses = events["source.ip"].unique()
    if not len(addresses) or addresses.null_count():
        return None
    try:
        networks = {_network(address) for address in addresses}
    except ValueError:
        return None
    return Atom("source.ip|cidr", tuple(sorted(networks))) if len(networks) <= MAX_VALUES else None


def _network(address: str) -> str:
    size = 24 if ip_address(address).version == 4 else 64
    return str(ip_network(f"{address}/{size}", strict=False))


def _product(events: pl.DataFrame) -> Atom | None:
    """Give the product that all agents begin with, without its version; browsers all say Mozilla."""
    agents = events["user_agent.original"].unique()
    if not len(agents) or agents.null_count():
        return None
    products = {agent.partition("/")[0] for agent in agents if "/" in agent[1:]}
    alike = len(products) == 1 and agents.str.contains("/", literal=True).all() and products != {"Mozilla"}
    return Atom("user_agent.original|startswith", (f"{products.pop()}/",)) if alike else None


def _hours(events: pl.DataFrame, zone: str) -> Atom | None:
    """Give the hours of the day, where the events are of several days: of one day they are chance."""
    times = events["@timestamp"].dt.convert_time_zone(zone)
    if times.dt.date().n_unique() < LEAST_DAYS:
        return None
    hours = times.dt.hour().unique().sort()
    return Atom("@timestamp|hour", tuple(hours.to_list())) if 0 < len(hours) <= MAX_HOURS else None


def _escaped(text: str) -> str:
    for special in ("\\", "*", "?"):
        text = text.replace(special, "\\" + special)
    return text
