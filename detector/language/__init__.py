"""Say things in the language of the configuration: sentences by key, from one catalogue a language.

A catalogue (`en.yml`, `fr.yml`) maps keys to templates of `str.format`. What stands after the colon in a template:
a format of Python for numbers, which comes out as the language writes numbers (`{count:,}`, `{part:.0%}`); the forms
for one and for many (`{count:account|accounts}`); for moments, a name of a `date.` entry (`{at:hour}`).
Names, identifiers and fields are never translated.
"""

from detector.language.words import Language, Words

__all__ = ["Language", "Words"]
