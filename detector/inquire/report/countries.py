"""Draw where evidence came from on the map of the world, over where accounts usually work."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from detector.inquire.chronicle import Incident
from detector.inquire.memory import Memory
from detector.inquire.report.markup import NOTHING, Html, figure, joined, picture, table
from detector.inquire.usual import countries_of_all
from detector.language import Language, Words

USUAL: Final = 0.001
"""Share of account-days from which a country is one that people usually work in."""

MOST_NAMED: Final = 8
"""Countries named under the map: on a telephone its figures are small."""


@cache
def world() -> dict[str, Any]:
    """Return the map that ships: NOTICE says what it was made from."""
    tree: dict[str, Any] = json.loads(files("detector.inquire.report").joinpath("world.json").read_text("utf-8"))
    return tree


def name(code: str, language: Language) -> str:
    """Return a country's name."""
    named: str = world()["names"][language].get(code, code)
    return named


def world_map(memory: Memory, shown: Sequence[Incident]) -> Html:
    """Return the map of the countries that alerts of `shown` came from; nothing where none is known."""
    seen = Counter(country for incident in shown for country in incident.countries)
    usual = {code: share for code, share in countries_of_all(memory).items() if share >= USUAL}
    if not seen:
        return NOTHING
    words, drawing = memory.words, world()
    language = words.language
    seen_last = sorted(drawing["shapes"].items(), key=lambda pair: pair[0] in seen)
    shapes = [_shape(code, path, code in usual, code in seen) for code, path in seen_last]
    told = ", ".join(f"{name(code, language)} ({incidents})" for code, incidents in seen.most_common())
    title = words.say("map.title", countries=told)
    named = ", ".join(f"{name(code, language)} {incidents}" for code, incidents in seen.most_common(MOST_NAMED))
    if len(seen) > MOST_NAMED:
        named = words.say("map.more", countries=named, more=len(seen) - MOST_NAMED)
    caption = words.say("map.caption", countries=named)
    rows = [
        (name(code, language), share(usual.get(code), words), words.count(seen[code])) for code in _ordered(seen, usual)
    ]
    numbers = table(words.names("map.heads"), rows, figures=2)
    drawn = picture(drawing["width"], drawing["height"], title, joined([*shapes, *_marks(seen, words)]), kind="world")
    return figure(drawn, caption, numbers, words)


def _ordered(seen: Counter[str], usual: dict[str, float]) -> list[str]:
    return sorted(seen.keys() | usual.keys(), key=lambda code: (-seen[code], -usual.get(code, 0.0), code))


def share(part: float | None, words: Words) -> str:
    """Return a share in per cent; hardly any is not none."""
    return words.say("map.hardly") if part is None else words.write(part, ".1%")


def _shape(code: str, path: str, usual: bool, seen: bool) -> Html:
    kind = " ".join(word for word, said in (("land", True), ("usual", usual), ("seen", seen)) if said)
    return Html('<path class="{}" d="{}"/>').format(kind, path)


def _marks(seen: Counter[str], words: Words) -> list[Html]:
    """Return a circle for each country, the largest in its place, the others moved off those before them."""
    middles, most = world()["middles"], max(seen.values())
    placed: list[tuple[float, float, float]] = []
    marks = []
    for code, incidents in seen.most_common():
        if code in middles:
            size = 8 + 8 * (incidents / most) ** 0.5
            x, y = _apart(middles[code], size, placed)
            placed.append((x, y, size))
            about = words.say("map.mark", country=name(code, words.language), incidents=incidents)
            marks.append(_mark(middles[code], (x, y, size), incidents, about))
    return marks


def _apart(
    middle: tuple[float, float], size: float, placed: Sequence[tuple[float, float, float]]
) -> tuple[float, float]:
    """Return the nearest of some places around `middle` that is free."""
    x, y = middle
    for away in range(0, 120, 4):
        for turn in range(12):
            angle = turn * math.pi / 6
            tried = (x + away * math.cos(angle), y + away * math.sin(angle))
            if all(math.dist(tried, other[:2]) >= size + other[2] for other in placed):
                return tried
    return middle


def _mark(middle: Sequence[int], place: tuple[float, float, float], incidents: int, about: str) -> Html:
    mark = Html(
        '<g class="mark"><path d="M{} {}L{:.1f} {:.1f}"/><circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text><title>{}</title></g>'
    )
    x, y, size = place
    return mark.format(*middle, x, y, x, y, size, x, y + 4.5, incidents, about)
