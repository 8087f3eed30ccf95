"""Work out how far countries lie apart at the least, from the outlines of Natural Earth.

A territory overseas that has an ISO code of its own is taken out of its country: Réunion is not France here, as it
is not in the tables of addresses. The outlines are thinned to a tenth of a degree, so a distance may be some 15 km
off; neighbours share points of their border and are 0 km apart.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from detector.errors import InputError

EARTH_KM: Final = 6371.0
"""Mean radius. Source: IUGG."""

OUTLINES: Final = "countries-10m.json"
"""The finest one: Gibraltar, Tuvalu and the outlying islands of the United States are in no coarser."""

NAMED: Final = {"Kosovo": "XK", "Somaliland": "SO", "N. Cyprus": "CY", "Baikonur": "KZ", "Indian Ocean Ter.": "AU"}
"""Outlines that carry no ISO number. XK is what tables of addresses use; the other disputed ones are left out."""

OVERSEAS: Final = (
    ("FR", "GF", -55, 2, -51, 6),
    ("FR", "GP", -62, 15.5, -60.9, 17),
    ("FR", "MQ", -62, 14, -60, 15.5),
    ("FR", "RE", 55, -22, 56, -20),
    ("FR", "YT", 44, -14, 46, -12),
    ("NL", "BQ", -69, 11, -62, 18),
    ("NO", "SJ", -10, 70.5, -7, 71.5),
    ("NO", "SJ", 10, 74, 35, 81),
    ("NO", "BV", 3, -55, 4, -54),
    ("NZ", "TK", -173, -10, -171, -8),
    ("AU", "CX", 105, -11, 106, -10),
    ("AU", "CC", 96, -13, 97, -11),
)
"""Country, territory, and the box (west, south, east, north) in which the country's outline is the territory's."""

Points = npt.NDArray[np.float64]


def numbers(codes: Path) -> dict[str, str]:
    """Read the ISO codes by ISO number from the unpacked package i18n-iso-countries. Raises: InputError."""
    return {number: code for code, _, number, *_ in _json(codes / "codes.json")}


def outlines(atlas: Path, codes: Mapping[str, str]) -> pl.DataFrame:
    """Read the points of every country's outline from the unpacked package world-atlas. Raises: InputError.

    Shapes: -> {code, lon, lat}, degrees to a tenth, no point of a country twice.
    """
    topology = _json(atlas / OUTLINES)
    scale, origin = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + origin for arc in topology["arcs"]]
    frames = []
    for one in topology["objects"]["countries"]["geometries"]:
        code = codes.get(one.get("id")) or NAMED.get(one["properties"]["name"])
        points = np.concatenate([arcs[arc if arc >= 0 else ~arc] for arc in _flat(one["arcs"])])
        frames.append(pl.DataFrame({"lon": points[:, 0], "lat": points[:, 1]}).with_columns(code=pl.lit(code)))
    found = pl.concat(frames).drop_nulls("code").with_columns(pl.col("lon", "lat").round(1))
    return found.select(_owner(), "lon", "lat").unique().sort("code", "lon", "lat")


def distances(points: pl.DataFrame) -> pl.DataFrame:
    """Give the least distance of every two countries.

    Shapes: {code, lon, lat} sorted by code -> {a, b, km: UInt16}, a < b.
    """
    names, starts = np.unique(points["code"].to_numpy(), return_index=True)
    place = _on_sphere(points)
    ends = np.append(starts[1:], len(place))
    found = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end == len(place):
            break
        nearest = np.full(len(place) - end, -1.0)
        for part in np.array_split(place[start:end], 1 + (end - start) // 256):
            np.maximum(nearest, (part @ place[end:].T).max(axis=0), out=nearest)
        cosine = np.maximum.reduceat(nearest, starts[number + 1 :] - end)
        km = np.round(EARTH_KM * np.arccos(np.clip(cosine, -1.0, 1.0)))
        found.append(pl.DataFrame({"a": [names[number]] * len(km), "b": names[number + 1 :], "km": km}))
    return pl.concat(found).select(pl.col("a", "b").cast(pl.String), pl.col("km").cast(pl.UInt16))


def _on_sphere(points: pl.DataFrame) -> Points:
    lon, lat = (np.radians(points[name].to_numpy()) for name in ("lon", "lat"))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def _owner() -> pl.Expr:
    owner = pl.col("code")
    for country, territory, west, south, east, north in OVERSEAS:
        inside = pl.col("lon").is_between(west, east) & pl.col("lat").is_between(south, north)
        owner = pl.when((pl.col("code") == country) & inside).then(pl.lit(territory)).otherwise(owner)
    return owner.alias("code")


def _flat(arcs: Any) -> Iterator[int]:
    for one in arcs:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise InputError(f"{path}: cannot be read, required the unpacked npm package: {fault}") from None
