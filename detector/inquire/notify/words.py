"""Say figures, moments and reasons in a language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from string import Template
from typing import Any, Final, Literal

import yaml

Language = Literal["en", "fr"]
Addressee = Literal["controller", "regulator"]

_HOSTILE: Final = str.maketrans({"|": "¦", "`": "'", "\n": " ", "<": "‹", ">": "›", "[": "(", "]": ")"})


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a language, as its `words.yml` has them, and the zone that moments are told in."""

    language: Language
    said: Mapping[str, Any]

    @classmethod
    def of(cls, language: Language) -> "Words":
        """Read the words of a language."""
        return cls(language, yaml.safe_load(_file(language, "words.yml")))

    def template(self, addressee: Addressee) -> Template:
        """Return the letter that is filled in."""
        return Template(_file(self.language, f"{addressee}.md"))

    def say(self, name: str, **figures: object) -> str:
        """Return a sentence with its figures: numbers and moments are written as the language does."""
        return str(self.said[name]).format(**{key: self.write(value) for key, value in figures.items()})

    def gap(self, kind: str, archive: str, **figures: object) -> str:
        """Return the sentence of a kind of gap."""
        shown = {key: self.write(value) for key, value in figures.items()}
        return str(self.said["gaps"][kind]).format(archive=f"`{plain(archive)}`", **shown)

    def category(self, name: str) -> str:
        """Return the name of a category of data; one of the portal's own stays as it is."""
        return str(self.said["categories"].get(name, plain(name)))

    def write(self, value: object) -> str:
        """Write a number or a moment as the language does; None is an open end."""
        if isinstance(value, datetime):
            return self._moment(value)
        if isinstance(value, int):
            return f"{value:,}".replace(",", str(self.said["thousands"]))
        return str(self.said["open_end"]) if value is None else str(value)

    def _moment(self, at: datetime) -> str:
        day = self.said["first_day"] if at.day == 1 else str(at.day)
        month = self.said["months"][at.month - 1]
        offset = at.strftime("%z")
        return str(self.said["moment"]).format(
            day=day, month=month, year=at.year, hour=at.hour, minute=at.minute, offset=f"{offset[:3]}:{offset[3:]}"
        )


def plain(text: str) -> str:
    """Return text from outside without what Markdown or HTML would obey."""
    return "".join(c for c in text.translate(_HOSTILE) if c.isprintable())


def _file(language: Language, name: str) -> str:
    return files(__package__).joinpath(language, name).read_text("utf-8")
