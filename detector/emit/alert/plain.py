"""Text from logs as lines of text may carry it: nothing in it steers a terminal, ends a line or hides."""

import json
from collections.abc import Iterable


def printable(text: str) -> str:
    """Return `text` with characters that control, format or mean nothing written out as Python writes them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_json(text: str) -> str:
    """Return a JSON text that means the same, without what JSON may hold and a terminal may obey."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def listed(names: Iterable[str]) -> str:
    """Return names as one text: commas between, quotes around one that holds a comma or a quote."""
    return ", ".join('"' + name.replace('"', '""') + '"' if set(name) & {",", '"'} else name for name in names)
