"""Read YAML that anybody may have written: plain data, with the lines of everything, within bounds.

No tag makes an object. Nesting without end, an alias within what it names and aliases of aliases that multiply (the
"billion laughs") are refused from the stream of events, before anything walks what they stand for.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

import yaml

DEEPEST: Final = 50
MOST_ALIASED: Final = 10_000
"""Nodes that all aliases of a file may stand for."""

_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, ten times as fast, where it is built in
_WRONG: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What PyYAML raises on a text that is not of its tag (`!!bool maybe`), or a number of 5,000 digits."""
_TOO_LARGE: Final = 1 << 64
_SHOWN: Final = 40


class BoundsError(yaml.MarkedYAMLError):
    """YAML that is more than a person writes."""


class Loader(_FASTEST):  # type: ignore[misc]  # whichever of two it is
    """Makes plain data; leaves dates to those who know in which line an impossible one stands."""

    yaml_implicit_resolvers: ClassVar = {
        first: [one for one in found if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, found in _FASTEST.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make data of a node. Raises: `yaml.MarkedYAMLError`, also where PyYAML raises something else."""
        try:
            made = super().construct_object(node, deep=deep)
            if not isinstance(made, int) or abs(made) < _TOO_LARGE:
                return made
        except _WRONG:
            pass
        raise _refusal(f"{str(node.value)[:_SHOWN]!r} is no {node.tag.rpartition(':')[2]}", node.start_mark)


def read_documents(text: str) -> Iterator[tuple[yaml.Node, Any]]:
    """Yield the node and the data of every document. Raises: `yaml.YAMLError` at the first that is none."""
    try:
        _check_bounds(text)
    except yaml.reader.ReaderError as fault:
        line = text.encode()[: fault.position].count(b"\n")
        raise _refusal(fault.reason, yaml.Mark("", 0, line, 0, "", 0)) from None
    loader = Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node, loader.construct_document(node)
    finally:
        loader.dispose()


def problem_of(fault: yaml.YAMLError) -> tuple[int, str]:
    """Return the line (from 1) that a fault is in, and what it is."""
    mark = getattr(fault, "problem_mark", None)
    why = "YAML that is refused" if isinstance(fault, BoundsError) else "not YAML"
    return mark.line + 1 if mark else 1, f"{why}: {getattr(fault, 'problem', fault)}"


def _refusal(why: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=mark)


def _beyond(why: str, event: Any) -> BoundsError:
    return BoundsError(problem=why, problem_mark=event.start_mark)


def _check_bounds(text: str) -> None:
    nodes = aliased = 0
    sizes: dict[str, int] = {}
    within: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_FASTEST):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = within.pop()
            sizes |= {anchor: nodes - before} if anchor else {}
            continue
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((event.anchor, nodes))
        elif isinstance(event, yaml.ScalarEvent) and event.anchor:
            sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in within):
                raise _beyond(f"alias *{event.anchor} stands within what it names", event)
            nodes += sizes.get(event.anchor or "", 0)
            aliased += sizes.get(event.anchor or "", 0)
        if len(within) > DEEPEST:
            raise _beyond(f"nested more than {DEEPEST} deep", event)
        if aliased > MOST_ALIASED:
            raise _beyond(f"aliases stand for more than {MOST_ALIASED} values", event)
