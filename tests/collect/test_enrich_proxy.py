import ipaddress

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import config
from detector.collect.enrich import Enricher
from detector.collect.enrich.address import parse_address
from detector.collect.enrich.proxy import Proxies
from tests.collect.raw_frames import raw

PROXIES = Proxies(("10.0.0.0/8", "2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the left one is the client's own word
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # not a proxy of ours
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, <script>, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8:9::1]:443", "2001:db8:9::1"),
        ("10.0.0.1", '"[2001:db8:9::1]"', "2001:db8:9::1"),
        ("2001:db8:1::5", "2001:DB8:9::1", "2001:db8:9::1"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9," + " 10.0.0.2," * 5000, "10.0.0.1"),
    ],
)
def test_the_client_is_the_rightmost_that_is_no_proxy(peer: str, header: str | None, client: str) -> None:
    assert PROXIES.resolve(peer, header) == client


def test_without_proxies_nobody_is_believed() -> None:
    frame = raw(source__ip=["10.0.0.1"], portal__forwarded_for=["203.0.113.9"])
    assert Proxies(()).client(frame).to_list() == ["10.0.0.1"]


def test_rows_keep_their_order() -> None:
    frame = raw(
        source__ip=["10.0.0.1", "198.51.100.1", "10.0.0.1", None],
        portal__forwarded_for=["203.0.113.9", "203.0.113.8", None, "203.0.113.7"],
    )
    assert PROXIES.client(frame).to_list() == ["203.0.113.9", "198.51.100.1", "10.0.0.1", None]


HOSTILE = st.one_of(st.text(max_size=60), st.text("0123456789.:abcdef[]%, \"'-", max_size=60))
ENRICHER = Enricher(
    config.Config.model_validate({"input": {"trusted_proxies": ["10.0.0.0/8"]}, "calendar": {"country": None}})
)


@given(st.lists(st.tuples(st.one_of(st.just("10.0.0.1"), HOSTILE), HOSTILE), min_size=1, max_size=10))
@settings(deadline=None)
def test_hostile_headers_never_make_an_address_of_what_is_none(pairs: list[tuple[str, str]]) -> None:
    frame = raw(source__ip=[peer for peer, _ in pairs], portal__forwarded_for=[header for _, header in pairs])
    for text in ENRICHER.enrich(frame)["source.ip"].drop_nulls():
        assert str(ipaddress.ip_address(text)) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("FE80::1%eth0", "fe80::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("010.0.0.1", None),
        ("256.0.0.1", None),
        ("1.2.3", None),
        ("host.example", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_are_read(text: str | None, address: str | None) -> None:
    assert parse_address(text) == (address and ipaddress.ip_address(address))
    shown = ENRICHER.enrich(raw(source__ip=[text], user__name=["a"]))["source.ip"].to_list()
    assert shown == [address]


def test_addresses_by_columns_and_one_by_one_agree() -> None:
    from detector.collect.enrich.address import read_addresses

    texts = ["192.0.2.1", "255.255.255.255", "0.0.0.0", "1.2.3.256", "01.2.3.4", "2001:db8:1:2:3::4", "x", None]
    read = read_addresses(pl.Series(texts, dtype=pl.String))
    for text, row in zip(texts, read.iter_rows(named=True), strict=True):
        address = parse_address(text)
        assert row["source.ip"] == (None if address is None else str(address))
        if address is not None:
            shift = 0 if address.version == 4 else 64
            assert (row["family"], row["number"]) == (address.version, int(address) >> shift)
    assert read["portal.source"].to_list()[5] == "2001:db8:1:2::/64"
    assert read["prefix"].to_list()[:6:5] == ["192.0.0.0/16", "2001:db8::/32"]
