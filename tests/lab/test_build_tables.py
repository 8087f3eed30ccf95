import csv
import json
import math
from pathlib import Path

import polars as pl
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.collect.enrich.ranges import Ranges
from detector.lab.build_tables import TABLES, break_points, main, write
from tests.collect.mmdb_writer import mmdb

SCHEMA = {"start": pl.UInt64, "end": pl.UInt64, "value": pl.String}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.sampled_from("ab")), max_size=12),
    st.sampled_from([0, 2**32, 2**64 - 200]),
)
@settings(deadline=None)
def test_break_points_say_what_the_ranges_say(steps: list[tuple[int, int, str]], base: int) -> None:
    ranges, start = [], base
    for gap, length, value in steps:
        ranges.append((start + gap, start + gap + length, value))
        start += gap + length + 1
    points = break_points(pl.DataFrame(ranges, schema=SCHEMA, orient="row"))
    numbers = [number for number in range(base, start + 3) if number < 2**64]
    found = Ranges.of(points["start"], points["value"]).at(pl.Series(numbers, dtype=pl.UInt64)).to_list()
    slow = [next((value for first, last, value in ranges if first <= number <= last), None) for number in numbers]
    assert found == slow


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    points = pl.DataFrame({"start": [5, 9, 2**63], "value": ["a", None, "b"]}, schema_overrides={"start": pl.UInt64})
    write(points, tmp_path / "t.parquet")
    found = Ranges.read(tmp_path / "t.parquet").at(pl.Series([0, 5, 8, 9, 2**63, 2**64 - 1], dtype=pl.UInt64))
    assert found.to_list() == [None, "a", "a", None, "b", "b"]


def test_the_command_builds_every_table(tmp_path: Path) -> None:
    country, asn, out = (tmp_path / name for name in ("country", "asn", "out"))
    for folder in (country, asn, out):
        folder.mkdir()
        (folder / "package.json").write_text(json.dumps({"version": "2.3.2026061719"}))
    for family, network in ((4, "192.0.2.0/24"), (6, "2001:db8::/32")):
        (country / f"geo-whois-asn-country-ipv{family}.mmdb").write_bytes(
            mmdb({network: {"country_code": "FR"}}, built=1, ip_version=family)
        )
        first = 3221225984 if family == 4 else 0x20010DB8 << 96
        with (asn / f"asn-ipv{family}-num.csv").open("w", newline="") as file:
            csv.writer(file).writerow([first, first + (255 if family == 4 else 2**96 - 1), 64500, 'Example "A"'])
    result = CliRunner().invoke(main, ["--country", str(country), "--asn", str(asn), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert Ranges.read(out / "country_v4.parquet").at(
        pl.Series([3221225985, 3221226240], dtype=pl.UInt64)
    ).to_list() == ["FR", None]
    assert Ranges.read(out / "asn_v6.parquet").at(pl.Series([0x20010DB8 << 32], dtype=pl.UInt64)).to_list() == [64500]
    assert pl.read_parquet(out / "organizations.parquet").rows() == [(64500, 'Example "A"')]
    assert json.loads((out / "tables.json").read_text()) == {"country": "2026-06-17", "asn": "2026-06-17"}


SQUARES = {"250": (0, 45), "056": (2, 47), "528": (4, 60), "840": (-80, 40)}
"""Corners of squares of two degrees, by ISO number: France, Belgium, which touch in a point, and two far off."""


def atlas_of(folder: Path) -> tuple[Path, Path]:
    """Write a world of squares, and Réunion as a part of France, in the form of the two npm packages."""
    atlas, codes = folder / "atlas", folder / "codes"
    ring = [[0, 0], [20, 0], [0, 20], [-20, 0], [0, -20]]
    corners = [*SQUARES.values(), (55.2, -21.5)]
    arcs = [[[(lon + 180) * 10, (lat + 90) * 10], *ring[1:]] for lon, lat in corners]
    arcs[4] = [arcs[4][0], [5, 0]]
    shapes = [
        {"type": "Polygon", "id": number, "properties": {"name": number}, "arcs": [[place]]}
        for place, number in enumerate(SQUARES)
    ]
    shapes[0] |= {"type": "MultiPolygon", "arcs": [[[0]], [[~4]]]}
    shapes.append({"type": "Polygon", "properties": {"name": "Spratly Is."}, "arcs": [[3]]})
    topology = {
        "transform": {"scale": [0.1, 0.1], "translate": [-180, -90]},
        "arcs": arcs,
        "objects": {"countries": {"geometries": shapes}},
    }
    for path in (atlas, codes):
        path.mkdir()
    (atlas / "countries-10m.json").write_text(json.dumps(topology))
    listed = [["FR", "FRA", "250"], ["BE", "BEL", "056"], ["NL", "NLD", "528"], ["US", "USA", "840"]]
    (codes / "codes.json").write_text(json.dumps(listed))
    return atlas, codes


def test_distances_are_those_of_the_nearest_points(tmp_path: Path) -> None:
    atlas, codes = atlas_of(tmp_path)
    result = CliRunner().invoke(main, ["--atlas", str(atlas), "--codes", str(codes), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    km = {(a, b): km for a, b, km in pl.read_parquet(tmp_path / "distances.parquet").iter_rows()}
    assert set(km) == {(a, b) for a in ("BE", "FR", "NL", "RE", "US") for b in ("FR", "NL", "RE", "US") if a < b}
    assert km["BE", "FR"] == 0
    assert km["BE", "NL"] == round(math.radians(60 - 49) * 6371)  # one corner above the other
    assert km["FR", "RE"] > 8000


def test_packages_come_in_pairs(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--atlas", str(tmp_path), "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "required: --country with --asn, or --atlas with --codes" in result.output


def test_the_shipped_distances() -> None:
    table = pl.read_parquet(TABLES / "distances.parquet")
    assert table.schema == {"a": pl.String, "b": pl.String, "km": pl.UInt16}
    assert (table["a"] < table["b"]).all()
    km = {(a, b): km for a, b, km in table.iter_rows()}
    assert len(km) == table.height
    known = {code for pair in km for code in pair}
    located = pl.concat([pl.read_parquet(TABLES / f"country_v{family}.parquet") for family in (4, 6)])["value"]
    assert set(located.drop_nulls().unique()) - known == {"AN"}  # the Antilles were dissolved in 2010
    assert {code for pair in (("BE", "FR"), ("FR", "MC"), ("BR", "GF")) for code in pair if km[pair] == 0}
    for pair, least, most in ((("FR", "RE"), 8000, 9000), (("FR", "GB"), 20, 60), (("FR", "JP"), 8500, 10000)):
        assert least < km[pair] < most, pair
