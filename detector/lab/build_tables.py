"""Build from npm packages the look-up tables that ship in `detector/collect/tables`, and the report's world map.

    npm pack @ip-location-db/geo-whois-asn-country-mmdb @ip-location-db/asn world-atlas i18n-iso-countries
    for one in *.tgz; do mkdir -p "${one%.tgz}" && tar xzf "$one" -C "${one%.tgz}"; done
    python -m detector.lab.build_tables --country FOLDER --asn FOLDER
    python -m detector.lab.build_tables --atlas FOLDER --codes FOLDER --world detector/inquire/report/world.json

The tables of addresses age and are built anew from time to time; the distances between countries are not.
A table of addresses is a list of break points: from this address on, this value holds, until the next one. The
addresses are stored as differences, which compress to a third; `detector.collect.enrich.ranges` adds them up again.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import click
import maxminddb
import polars as pl

from detector.errors import InputError
from detector.lab import distances, world

TABLES = Path(__file__).parent.parent / "collect" / "tables"
V6_BITS_KEPT = 64
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def break_points(ranges: pl.DataFrame) -> pl.DataFrame:
    """Turn ranges into break points; where no range holds the value is null.

    Shapes: {start: UInt64, end: UInt64 (inclusive), value} -> {start: UInt64, value}, sorted, no two alike in a row.
    """
    last = ranges["end"].max()
    ranges = ranges.sort("start", "end").unique("start", keep="last", maintain_order=True)
    following = pl.col("start").shift(-1)
    ends = following.is_null() & pl.col("end").eq_missing(pl.lit(last))
    gaps = ranges.filter((pl.col("end") < following - 1) | ends)
    gaps = gaps.filter(pl.col("end") < pl.lit(2**64 - 1, pl.UInt64)).select(
        pl.col("end") + 1, pl.lit(None, ranges.schema["value"]).alias("value")
    )
    points = pl.concat([ranges.select("start", "value"), gaps.rename({"end": "start"})]).sort("start")
    changed = pl.col("value").ne_missing(pl.col("value").shift(1)) | (pl.int_range(pl.len()) == 0)
    return points.filter(changed)


def write(points: pl.DataFrame, path: Path) -> None:
    """Store break points with their starts as differences."""
    stored = points.with_columns(pl.col("start").diff().fill_null(pl.col("start").first()))
    stored.write_parquet(path, compression="zstd", compression_level=22, statistics=False)


def asn_ranges(folder: Path, family: int) -> pl.DataFrame:
    """Read the ranges of the ASN package: {start, end, value: UInt32, organization}."""
    path = folder / f"asn-ipv{family}-num.csv"
    if not path.exists():
        raise InputError(f"{path}: no such file, required the unpacked package @ip-location-db/asn")
    raw = pl.read_csv(path, has_header=False, new_columns=["start", "end", "value", "organization"], infer_schema=False)
    number = pl.col("start", "end").cast(pl.UInt64) if family == 4 else _high_half("start", "end")
    return raw.with_columns(number, pl.col("value").cast(pl.UInt32))


def _high_half(*columns: str) -> pl.Expr:
    half: pl.Expr = pl.col(*columns).cast(pl.UInt128) // 2**V6_BITS_KEPT
    return half.cast(pl.UInt64)


def country_ranges(folder: Path, family: int) -> pl.DataFrame:
    """Read the networks of the country package: {start, end, value: String}."""
    path = folder / f"geo-whois-asn-country-ipv{family}.mmdb"
    if not path.exists():
        raise InputError(f"{path}: no such file, required @ip-location-db/geo-whois-asn-country-mmdb, unpacked")
    schema = {"start": pl.UInt64, "end": pl.UInt64, "value": pl.String}
    return pl.DataFrame(list(_networks(path)), schema=schema, orient="row")


def _networks(path: Path) -> Iterator[tuple[int, int, str]]:
    with maxminddb.open_database(path, maxminddb.MODE_MEMORY) as reader:
        for network, record in reader:
            shift = 0 if isinstance(network, IPv4Network) else V6_BITS_KEPT
            country: dict[str, Any] = record if isinstance(record, dict) else {}
            first, last = int(network.network_address) >> shift, int(network.broadcast_address) >> shift
            yield first, last, str(country["country_code"])


def built(folder: Path) -> str:
    """Return the day a package's data were made: its version ends in year, month, day, hour."""
    version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    return datetime.strptime(str(version).rpartition(".")[2][:8], "%Y%m%d").replace(tzinfo=UTC).date().isoformat()


def write_addresses(country: Path, asn: Path, out: Path) -> None:
    """Write the tables of countries and networks by address."""
    names = []
    for family in (4, 6):
        networks = asn_ranges(asn, family)
        write(break_points(networks.select("start", "end", "value")), out / f"asn_v{family}.parquet")
        write(break_points(country_ranges(country, family)), out / f"country_v{family}.parquet")
        names.append(networks.select(number="value", organization="organization"))
    organizations = pl.concat(names).drop_nulls().unique("number", keep="first", maintain_order=True).sort("number")
    organizations.write_parquet(
        out / "organizations.parquet", compression="zstd", compression_level=22, statistics=False
    )
    facts = {"country": built(country), "asn": built(asn)}
    (out / "tables.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


@click.command()
@click.option("--country", type=FOLDER, help="@ip-location-db/geo-whois-asn-country-mmdb, with --asn.")
@click.option("--asn", type=FOLDER, help="@ip-location-db/asn, with --country.")
@click.option("--atlas", type=FOLDER, help="world-atlas, with --codes.")
@click.option("--codes", type=FOLDER, help="i18n-iso-countries, with --atlas.")
@click.option("--out", type=FOLDER, default=TABLES)
@click.option("--world", "drawing", type=click.Path(path_type=Path), help="Where to draw the map, with --atlas.")
def main(
    country: Path | None, asn: Path | None, atlas: Path | None, codes: Path | None, out: Path, drawing: Path | None
) -> None:
    """Write the shipped tables anew, those whose packages are given."""
    if not (country and asn) and not (atlas and codes):
        raise click.UsageError("required: --country with --asn, or --atlas with --codes")
    if country and asn:
        write_addresses(country, asn, out)
    if atlas and codes:
        found = distances.distances(distances.outlines(atlas, distances.numbers(codes)))
        found.write_parquet(out / "distances.parquet", compression="zstd", compression_level=22, statistics=False)
    if drawing and atlas and codes:
        drawn = json.dumps(world.world(atlas, codes), ensure_ascii=False, separators=(",", ":"))
        drawing.write_text(drawn + "\n", "utf-8")


if __name__ == "__main__":
    main()
