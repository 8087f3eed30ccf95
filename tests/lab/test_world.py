import json
import re

import pytest

from detector.errors import InputError
from detector.lab.world import COARSE, FINE, WIDTH, world


@pytest.fixture
def packages(tmp_path):
    """Two squares that share a border, and one across the line of dates."""
    atlas, codes = tmp_path / "atlas", tmp_path / "codes"
    (codes / "langs").mkdir(parents=True)
    atlas.mkdir()
    arcs = [
        [[10, 0], [0, 5], [0, 5]],  # the border from (10, 0) to (10, 10), with a point that adds nothing
        [[10, 10], [-10, 0], [0, -10], [10, 0]],
        [[10, 10], [10, 0], [0, -10], [-10, 0]],
        [[175, 60], [5, 0], [-355, 0], [0, -10], [355, 0], [-5, 0], [0, 10]],
    ]

    shapes = [
        {"type": "Polygon", "id": "1", "arcs": [[0, 1]], "properties": {"name": "West"}},
        {"type": "MultiPolygon", "id": "2", "arcs": [[[~0, 2]]], "properties": {"name": "East"}},
        {"type": "Polygon", "id": "3", "arcs": [[3]], "properties": {"name": "Far"}},
    ]
    topology = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": arcs,
        "objects": {"countries": {"geometries": shapes}},
    }
    for name in (COARSE, FINE):
        (atlas / name).write_text(json.dumps(topology))
    (codes / "codes.json").write_text(json.dumps([["AA", "AAA", "1"], ["BB", "BBB", "2"], ["CC", "CCC", "3"]]))
    for language, name in (("en", "Germany"), ("fr", ["Allemagne", "RFA"])):
        (codes / "langs" / f"{language}.json").write_text(json.dumps({"countries": {"DE": name}}))
    return atlas, codes


def corners(path):
    """Follow a path of relative steps and return its corners."""
    start, _, steps = path.removesuffix("z").partition("l")
    x, y = map(int, re.findall(r"-?\d+", start))
    found = [(x, y)]
    numbers = list(map(int, re.findall(r"-?\d+", steps)))
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        x, y = x + dx, y + dy
        found.append((x, y))
    return found


def test_neighbours_share_their_border_and_points_on_a_line_go(packages):
    drawn = world(*packages)
    west, east = (set(corners(drawn["shapes"][code])) for code in ("AA", "BB"))
    assert len(west) == 4
    assert len(west & east) == 2
    assert min(x for x, _ in east) == max(x for x, _ in west)


def test_a_country_across_the_line_of_dates_is_in_one_piece(packages):
    found = corners(world(*packages)["shapes"]["CC"])
    assert max(x for x, _ in found) - min(x for x, _ in found) < WIDTH / 10


def test_a_middle_lies_inside_and_names_are_of_each_language(packages):
    drawn = world(*packages)
    xs, ys = zip(*corners(drawn["shapes"]["AA"]), strict=True)
    x, y = drawn["middles"]["AA"]
    assert min(xs) < x < max(xs)
    assert min(ys) < y < max(ys)
    assert drawn["names"] == {"en": {"DE": "Germany"}, "fr": {"DE": "Allemagne"}}


def test_a_package_that_is_not_there_is_named(packages, tmp_path):
    with pytest.raises(InputError, match="world-atlas"):
        world(tmp_path, packages[1])
