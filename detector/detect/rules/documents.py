"""Read rule files: YAML documents with the lines of everything in them, and what is wrong with their form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from detector.errors import Fault, duplicate_keys, line_of

_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, ten times as fast, where it is built in


class _Loader(_FASTEST):  # type: ignore[misc]  # whichever of two it is
    """Leaves dates to those who know in which line an impossible one stands; YAML would just fail."""

    yaml_implicit_resolvers: ClassVar = {
        first: [one for one in found if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, found in _FASTEST.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document of a rule file: its data, and its node, which knows the lines."""

    path: Path
    data: dict[str, Any]
    node: yaml.Node

    def fault(self, loc: Sequence[int | str], message: str) -> Fault:
        """Say what is wrong at `loc`, the keys and indices that lead there."""
        title = self.data.get("title")
        name = f"rule {title!r}: " if isinstance(title, str) else ""
        return Fault(str(self.path), line_of(self.node, tuple(loc)), name + message)


def files(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the rule files of `folders` (each a folder or a file), in the order of their names."""
    for folder in folders:
        yield from sorted((*folder.rglob("*.yml"), *folder.rglob("*.yaml"))) if folder.is_dir() else (folder,)


def read(path: Path) -> tuple[list[Document], list[Fault]]:
    """Read the documents of one file; faults instead of those that are no mapping or say a key twice."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        return [], [Fault(str(path), 1, f"cannot be read: {fault}")]
    found: list[Document] = []
    faults: list[Fault] = []
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            faults += [Fault(str(path), line, message) for line, message in duplicate_keys(node)]
            data = loader.construct_document(node)
            if isinstance(data, dict):
                found.append(Document(path=path, data=data, node=node))
            elif data is not None:
                faults.append(Fault(str(path), node.start_mark.line + 1, "a rule is a mapping of keys to values"))
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        faults.append(Fault(str(path), line, f"not YAML: {getattr(fault, 'problem', None) or fault}"))
    finally:
        loader.dispose()
    return found, faults
