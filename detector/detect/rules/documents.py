"""Read rule files: YAML documents with the lines of everything in them, and what is wrong with their form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from detector.config.yaml_text import problem_of, read_documents
from detector.errors import Fault, duplicate_keys, line_of


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
    try:
        for node, data in read_documents(text):
            faults += [Fault(str(path), line, message) for line, message in duplicate_keys(node)]
            if isinstance(data, dict):
                found.append(Document(path=path, data=data, node=node))
            elif data is not None:
                faults.append(Fault(str(path), node.start_mark.line + 1, "a rule is a mapping of keys to values"))
    except yaml.YAMLError as fault:
        faults.append(Fault(str(path), *problem_of(fault)))
    return found, faults
