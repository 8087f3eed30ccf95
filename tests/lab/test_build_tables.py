import csv
import json
from pathlib import Path

import polars as pl
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.collect.enrich.ranges import Ranges
from detector.lab.build_tables import break_points, main, write
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
