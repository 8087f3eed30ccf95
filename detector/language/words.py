"""Fill a catalogue's templates in, with numbers and days as its language writes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Final, Literal

import yaml

Language = Literal["en", "fr"]

_NAMED: Final = {"%a": "short_days", "%A": "days", "%b": "short_months", "%B": "months"}
"""What Python's own names of days and months, which follow the machine's locale, are replaced by."""


@dataclass(frozen=True, slots=True, eq=False)
class Words(Formatter):
    """The words of one language. `said`: templates by key, and the lists of the names of days and months."""

    language: Language
    said: Mapping[str, Any]

    @classmethod
    def of(cls, language: Language) -> "Words":
        """Return the words of a language, read once."""
        return _read(language)

    def say(self, key: str, /, **figures: object) -> str:
        """Return the sentence of `key` with its figures. Raises: KeyError for a key that is not in the catalogue."""
        return self.vformat(str(self.said[key]), (), figures)

    def name(self, key: str, otherwise: str) -> str:
        """Return the words for a value, such as a level; one that the catalogue does not know stays as it is."""
        return str(self.said.get(key, otherwise))

    def write(self, number: float, form: str) -> str:
        """Return a number in a format of Python, as the language writes it."""
        return self._as_written(format(number, form))

    def count(self, number: float) -> str:
        """Return a count with its thousands apart."""
        return self.write(number, ",.0f")

    def names(self, key: str) -> Sequence[str]:
        """Return a list of names, such as the heads of a table."""
        return tuple(map(str, self.said[key]))

    def clauses(self, parts: Iterable[str]) -> str:
        """Return clauses one after the other."""
        return str(self.said["form.between"]).join(parts)

    def at(self, moment: date, form: str) -> str:
        """Return a moment or a day by the `date.` entry `form`."""
        pattern = str(self.said[f"date.{form}"])
        for mark, names in _NAMED.items():
            index = moment.month - 1 if names.endswith("months") else moment.weekday()
            pattern = pattern.replace(mark, self.said[f"form.{names}"][index])
        first = str(self.said["form.first"]) if moment.day == 1 else "%-d"
        return moment.strftime(pattern.replace("%-d", first))

    def format_field(self, value: Any, format_spec: str) -> str:
        """Write one figure; `vformat` asks for it."""
        if isinstance(value, date):
            return self.at(value, format_spec)
        if "|" in format_spec:
            one, many = format_spec.split("|")
            return one if self._is_one(value) else many
        return self.write(value, format_spec) if isinstance(value, int | float) else format(value, format_spec)

    def _is_one(self, value: float) -> bool:
        return abs(value) < 2 if self.language == "fr" else value == 1

    def _as_written(self, number: str) -> str:
        marks = {",": self.said["form.thousands"], ".": self.said["form.decimal"], "%": self.said["form.percent"]}
        return "".join(marks.get(letter, letter) for letter in number)


@cache
def _read(language: Language) -> Words:
    text = files(__package__).joinpath(f"{language}.yml").read_text("utf-8")
    return Words(language, yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506  # safe
