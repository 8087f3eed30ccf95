"""Build HTML that nothing from a log can break out of: what is filled in is escaped unless it is markup itself."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from markupsafe import Markup, escape

from detector.emit.alert.plain import printable
from detector.language import Words


class Html(Markup):
    """Markup. `Html("<b>{}</b>").format(name)` escapes the name, and writes out what would steer a reader's eye."""

    __slots__ = ()

    @classmethod
    def escape(cls, s: Any, /) -> "Html":
        """Return `s` as markup: as it is if it is some already."""
        return cls(escape(s if hasattr(s, "__html__") else printable(str(s))))


NOTHING: Final = Html("")


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Return parts one after the other, each escaped unless it is markup."""
    return Html(between).join(map(Html.escape, parts))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, figures: int = 0, none: str = "-") -> Html:
    """Return a table, or `none` where it has no rows; its last `figures` columns are set to the right."""
    first = len(heads) - figures
    head = joined(_cell("th", name, n >= first) for n, name in enumerate(heads))
    body = joined(
        Html("<tr>{}</tr>").format(joined(_cell("td", cell, n >= first) for n, cell in enumerate(row))) for row in rows
    )
    whole = Html('<div class="scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    return whole.format(head, body) if body else Html("<p>{}</p>").format(none)


def _cell(kind: str, content: object, right: bool) -> Html:
    scope = ' scope="col"' if kind == "th" else ""
    mark = ' class="n"' if right else ""
    return Html(f"<{kind}{scope}{mark}>{{}}</{kind}>").format(content)


def behind(summary: str, content: Html) -> Html:
    """Return content that a click opens."""
    return Html("<details><summary>{}</summary>{}</details>").format(summary, content)


def figure(picture: Html, caption: str, numbers: Html, words: Words) -> Html:
    """Return a picture with its caption, and the table behind it."""
    return Html("<figure>{}<figcaption>{}</figcaption>{}</figure>").format(
        picture, caption, behind(words.say("page.figures"), numbers)
    )


def picture(width: float, height: float, title: str, content: Html, *, kind: str = "") -> Html:
    """Return a drawing that grows with the page. `title` says in words what it shows."""
    return Html('<svg class="{}" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        kind, width, height, title, title, content
    )
