"""Draw the world small: the outlines of Natural Earth as SVG paths, in the Equal Earth projection.

Source: Šavrič, Patterson, Jenny, The Equal Earth map projection, Int. J. of Geographical Information Science 33 (2019).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.errors import InputError
from detector.lab.distances import NAMED, Points, numbers

COARSE, FINE = "countries-110m.json", "countries-50m.json"
"""The shapes, and the places of countries too small to have one there."""

WIDTH: Final = 1000
SQRT3: Final = 3**0.5
A1, A2, A3, A4 = 1.340264, -0.081106, 0.000893, 0.003796
WIDEST: Final = 2 * np.pi * 2 / (SQRT3 * A1)
"""Width of the world at the equator, in radii."""

TOLERANCE: Final = 0.7
"""How far an outline may be off, in units of the drawing."""

LEAST_AREA: Final = 4.0
"""Islands below this are left out of the shapes, in square units."""

NORTH, SOUTH = 84.0, -58.0
"""Degrees shown; Antarctica has no addresses."""


LANGUAGES: Final = ("en", "fr")


def world(atlas: Path, codes: Path) -> dict[str, Any]:
    """Return width and height, a path for each country's code, the place of each, and their names by language.

    From the unpacked packages world-atlas and i18n-iso-countries. Raises: InputError.
    """
    known = numbers(codes)
    top, bottom = (_projected(np.array([[0.0, lat]]))[0, 1] for lat in (NORTH, SOUTH))
    shapes = {code: _path(rings, top) for code, rings in _countries(atlas / COARSE, known, TOLERANCE).items()}
    middles = {code: _middle(rings, top) for code, rings in _countries(atlas / FINE, known, 0.0).items()}
    return {
        "width": WIDTH,
        "height": round(bottom - top),
        "shapes": {code: path for code, path in sorted(shapes.items()) if path},
        "middles": dict(sorted(middles.items())),
        "names": {language: _names(codes / "langs" / f"{language}.json") for language in LANGUAGES},
    }


def _names(path: Path) -> dict[str, str]:
    told = json.loads(path.read_text("utf-8"))["countries"]
    return {code: name if isinstance(name, str) else name[0] for code, name in sorted(told.items())}


def _countries(path: Path, codes: Mapping[str, str], tolerance: float) -> dict[str, list[Points]]:
    """Return the outer rings of every country, projected. Borders are thinned before rings share them."""
    if not path.exists():
        raise InputError(f"{path}: no such file, required the unpacked package world-atlas")
    topology = json.loads(path.read_text("utf-8"))
    scale, origin = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    arcs = [_thinned(np.cumsum(np.array(arc), axis=0) * scale + origin, tolerance) for arc in topology["arcs"]]
    found: dict[str, list[Points]] = {}
    for one in topology["objects"]["countries"]["geometries"]:
        code = codes.get(one.get("id")) or NAMED.get(one["properties"]["name"])
        if code and code != "AQ":
            found.setdefault(code, []).extend(_rings(one, arcs))
    return found


def _rings(geometry: Mapping[str, Any], arcs: list[Points]) -> Iterator[Points]:
    polygons = [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]
    for polygon in polygons:
        parts = [arcs[arc] if arc >= 0 else arcs[~arc][::-1] for arc in polygon[0]]
        lon, lat = np.concatenate([parts[0], *(part[1:] for part in parts[1:])]).T
        yield _projected(np.column_stack([np.unwrap(lon, period=360), lat]))  # Chukotka lies east of 180


def _projected(points: Points) -> Points:
    lon, lat = np.radians(points).T
    t = np.arcsin(SQRT3 / 2 * np.sin(lat))
    slope = 9 * A4 * t**8 + 7 * A3 * t**6 + 3 * A2 * t**2 + A1
    x = 2 * SQRT3 * lon * np.cos(t) / (3 * slope)
    y = t * (A1 + A2 * t**2 + A3 * t**6 + A4 * t**8)
    found: Points = np.column_stack([x, -y]) * (WIDTH / WIDEST) + [WIDTH / 2, 0]
    return found


def _path(rings: list[Points], top: float) -> str:
    """Return rings as one path of whole, relative numbers."""
    parts = []
    for ring in rings:
        if _area(ring) < LEAST_AREA:
            continue
        whole = np.round(ring - [0, top]).astype(int)
        steps = np.diff(whole, axis=0)
        steps = steps[np.any(steps != 0, axis=1)]
        parts.append(f"M{whole[0, 0]} {whole[0, 1]}l" + " ".join(f"{x} {y}" for x, y in steps[:-1]) + "z")
    return "".join(parts).replace(" -", "-")


def _thinned(line: Points, tolerance: float) -> Points:
    """Leave out points that lie hardly off the line. Source: Douglas and Peucker, Cartographica 10 (1973)."""
    flat = _projected(line)
    along, off = flat[-1] - flat[0], flat - flat[0]
    length = float(np.hypot(*along))
    away = np.hypot(*off.T) if length == 0 else np.abs(off[:, 0] * along[1] - off[:, 1] * along[0]) / length
    far = int(np.argmax(away))
    if away[far] <= tolerance:
        return line[[0, -1]]
    return np.concatenate([_thinned(line[: far + 1], tolerance)[:-1], _thinned(line[far:], tolerance)])


def _area(ring: Points) -> float:
    x, y = ring.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def _middle(rings: list[Points], top: float) -> list[int]:
    """Return the middle of the largest ring."""
    ring = max(rings, key=_area)
    x, y = ring.T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    total = cross.sum() or 1.0
    where = [((axis + np.roll(axis, -1)) * cross).sum() / (3 * total) for axis in (x, y)]
    return [round(float(where[0])), round(float(where[1]) - top)]
