from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import clock
from detector.collect.enrich.network_kind import NetworkKinds, read_kinds
from detector.collect.enrich.origin import Origins
from detector.collect.enrich.ranges import prefix_ranges
from detector.config import Networks, shipped
from detector.errors import FaultsError
from tests.collect.mmdb_writer import mmdb

BUILT = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def origins() -> Origins:
    return Origins(Networks())


def described(origins: Origins, address: str) -> dict[str, object]:
    return origins.describe(pl.Series([address])).row(0, named=True)


@pytest.mark.parametrize(
    ("address", "country", "number"),
    [
        ("2.15.1.1", "FR", 3215),
        ("37.165.1.1", "FR", 51207),
        ("91.121.1.1", "FR", 16276),
        ("8.8.8.8", "US", 15169),
        ("2a01:cb00::1", "FR", 5511),
        ("2001:4860:4860::8888", "US", 15169),
    ],
)
def test_the_shipped_tables_know_well_known_addresses(
    origins: Origins, address: str, country: str, number: int
) -> None:
    found = described(origins, address)
    assert found["source.geo.country_iso_code"] == country
    assert found["source.as.number"] == number
    assert found["portal.network"] == f"AS{number}"
    assert found["source.as.organization.name"]


@pytest.mark.parametrize(
    ("address", "network", "source"),
    [
        ("192.0.2.17", "192.0.0.0/16", "192.0.2.17"),
        ("10.1.2.3", "10.1.0.0/16", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8::/32", "2001:db8:1:2::/64"),
    ],
)
def test_where_no_table_knows_the_routed_prefix_stands_in(
    origins: Origins, address: str, network: str, source: str
) -> None:
    found = described(origins, address)
    assert found["source.as.number"] is None
    assert (found["portal.network"], found["portal.source"]) == (network, source)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("10.1.2.3", "private"),
        ("fd00::1", "private"),
        ("91.121.1.1", "hosting"),
        ("37.165.1.1", "mobile"),
        ("185.220.101.4", "tor"),
        ("172.225.3.1", "relay"),
        ("2a02:26f7:c0::1", "relay"),
        ("2.15.1.1", None),
        ("not an address", None),
    ],
)
def test_the_kind_of_a_network(origins: Origins, address: str, kind: str | None) -> None:
    assert described(origins, address)["portal.network_kind"] == kind


def test_a_users_list_has_the_last_word(tmp_path: Path) -> None:
    extra = tmp_path / "kinds.yml"
    extra.write_text(
        'none: {asns: [16276]}\nvpn: {prefixes: {"91.121.7.0/24": ours, "2001:db8::/32": ours}, asns: [AS3215]}\n'
    )
    origins = Origins(Networks(kinds_file=extra))
    kinds = [
        described(origins, one)["portal.network_kind"]
        for one in ("91.121.1.1", "91.121.7.1", "2.15.1.1", "2001:db8::1")
    ]
    assert kinds == [None, "vpn", "vpn", "vpn"]
    assert described(origins, "8.8.8.8")["portal.network_kind"] == "hosting"


def test_every_fault_of_a_list_is_told_with_its_line(tmp_path: Path) -> None:
    extra = tmp_path / "kinds.yml"
    extra.write_text(
        "hosting:\n  asns: [12x]\n  nets: [1.2.3.0/24]\ncloud:\n  asns: [1]\nvpn:\n  prefixes:\n    - 1.2.3.0/99\n"
    )
    with pytest.raises(FaultsError) as fault:
        NetworkKinds(extra)
    assert [one.line for one in fault.value.faults] == [2, 3, 5, 8]


def test_the_shipped_list_names_no_network_twice() -> None:
    asns, prefixes = read_kinds(shipped("config", "networks.yml"))
    assert len(asns) > 250
    assert len({network for network, _ in prefixes}) == len(prefixes)
    text = shipped("config", "networks.yml").read_text("utf-8")
    numbers = [
        line.split(":")[0].strip()
        for line in text.splitlines()
        if line.startswith("    ") and line.strip()[0].isdigit()
    ]
    assert len(numbers) == len(set(numbers))


NETWORKS = st.lists(
    st.tuples(st.integers(0, 2**8 - 1), st.integers(20, 32)).map(
        lambda pair: str(ip_network(((192 << 24) + (pair[0] << 4), pair[1]), strict=False))
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(NETWORKS, st.lists(st.integers(0, 2**12 + 500), min_size=1, max_size=20))
@settings(deadline=None)
def test_nested_prefixes_give_the_narrowest(networks: list[str], offsets: list[int]) -> None:
    ranges = prefix_ranges((network, network) for network in networks)[4]
    numbers = [(192 << 24) + offset for offset in offsets]
    found = ranges.at(pl.Series(numbers, dtype=pl.UInt64)).to_list()
    for number, value in zip(numbers, found, strict=True):
        holding = [ip_network(one) for one in networks if ip_address(number) in ip_network(one)]
        assert value == (str(max(holding, key=lambda one: one.prefixlen)) if holding else None)


def test_the_last_address_of_all_is_in_a_range() -> None:
    ranges = prefix_ranges([("ff00::/8", "multicast"), ("255.0.0.0/8", "last")])
    assert ranges[6].at(pl.Series([2**64 - 1], dtype=pl.UInt64)).to_list() == ["multicast"]
    assert ranges[4].at(pl.Series([2**32 - 1, 2**32 - 2**25], dtype=pl.UInt64)).to_list() == ["last", None]


LAYOUTS = {
    "maxmind": (
        {"country": {"iso_code": "FR"}},
        {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"},
    ),
    "ipinfo": ({"country_code": "fr", "country": "France"}, {"asn": "AS64500", "as_name": "Example"}),
    "ipinfo old": ({"country": "FR"}, {"asn": "AS64500", "name": "Example"}),
    "flat": ({"country_code": "FR"}, {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_table_of_the_users_own_in_every_layout(layout: str, tmp_path: Path) -> None:
    country, network = LAYOUTS[layout]
    path = tmp_path / "own.mmdb"
    path.write_bytes(
        mmdb({"192.0.2.0/24": {**network, **country}, "2001:db8::/32": {**network, **country}}, built=BUILT)
    )
    origins = Origins(Networks(country_table=path, asn_table=path))
    for address in ("192.0.2.9", "2001:db8:7::1"):
        found = described(origins, address)
        assert found["source.geo.country_iso_code"] == "FR"
        assert found["portal.network"] == "AS64500"
        assert found["source.as.organization.name"] == "Example"
    assert described(origins, "198.51.100.1")["portal.network"] == "198.51.0.0/16"


def test_a_table_of_ipv4_alone_has_no_word_on_ipv6(tmp_path: Path) -> None:
    path = tmp_path / "own.mmdb"
    path.write_bytes(mmdb({"192.0.2.0/24": {"country_code": "FR"}}, built=BUILT, ip_version=4))
    origins = Origins(Networks(country_table=path))
    assert described(origins, "192.0.2.1")["source.geo.country_iso_code"] == "FR"
    assert described(origins, "2001:db8::1")["source.geo.country_iso_code"] is None


def test_an_old_table_is_warned_about(tmp_path: Path) -> None:
    path = tmp_path / "own.mmdb"
    path.write_bytes(mmdb({"192.0.2.0/24": {"country_code": "FR"}}, built=BUILT))
    age = (clock.now().date() - datetime.fromtimestamp(BUILT, UTC).date()).days
    old = Origins(Networks(country_table=path, asn_table=path, max_table_age_days=age - 1))
    assert old.ages_days() == {"country": age, "asn": age}
    assert [warning for warning in old.warnings() if f"{age} days old" in warning] == old.warnings() != []
    assert Origins(Networks(country_table=path, asn_table=path, max_table_age_days=age)).warnings() == []


def test_what_is_no_table_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "own.mmdb"
    path.write_bytes(b"not a table")
    for networks in (Networks(country_table=path), Networks(asn_table=tmp_path / "none.mmdb")):
        with pytest.raises(FaultsError, match=r"own\.mmdb|none\.mmdb"):
            Origins(networks)
