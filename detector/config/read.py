"""Find and read configuration files."""

from collections.abc import Sequence, Set
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from detector.config.section import Loc, Origin, Section, dotted
from detector.config.sinks import clashes
from detector.config.told import wrong
from detector.config.whole import Config
from detector.config.yaml_text import problem_of, read_documents
from detector.errors import Fault, FaultsError, duplicate_keys, line_of

S = TypeVar("S", bound=Section)


class ConfigFaultsError(FaultsError):
    """Faults of a configuration. `rest` is what it says without them, and `lost` the keys that are left out for it."""

    def __init__(self, faults: Sequence[Fault], rest: Config, lost: Set[Loc]) -> None:
        super().__init__(faults)
        self.rest, self.lost = rest, lost


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder: `shipped("config", "default.yml")`.

    In the wheel they lie inside the package; in a checkout beside it.
    """
    inside = Path(str(files("detector"))).joinpath("shipped", *parts)
    return inside if inside.exists() else Path(str(files("detector"))).parent.joinpath(*parts)


def load(path: Path | None = None) -> Config:
    """Read and validate a configuration file; None is the shipped one.

    Relative paths inside it are relative to the file; a portal that it leaves out is the shipped one.
    Raises: `ConfigFaultsError` with every fault.
    """
    path = path or shipped("config", "default.yml")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigFaultsError([Fault(str(path), 1, f"cannot be read: {fault}")], Config(), {()}) from None
    try:
        documents: list[tuple[Any, Any]] = [*read_documents(text)] or [(None, {})]
    except yaml.YAMLError as fault:
        raise ConfigFaultsError([Fault(str(path), *problem_of(fault))], Config(), {()}) from None
    node, tree = documents[0]
    faults = [Fault(str(path), line, message) for line, message in duplicate_keys(node)] if node else []
    faults += [
        Fault(str(path), one.start_mark.line + 1, "a second document came, one is required") for one, _ in documents[1:]
    ]
    config, found, lost = _validated(tree or {})
    faults += [Fault(str(path), line_of(node, at), f"{dotted(at) or 'the file'}: {told}") for at, told in found]
    config = _in_place(config, path, node)
    faults += clashes(config.sinks)  # paths are known only now
    if faults:
        raise ConfigFaultsError(faults, config, lost)
    return config


def _validated(tree: Any) -> tuple[Config, list[tuple[Loc, str]], set[Loc]]:
    """Return what a tree says, what is wrong with it, and the keys that had to be left out of it for that."""
    faults, lost, rest = list[tuple[Loc, str]](), set[Loc](), tree
    while True:
        try:
            return Config.model_validate(rest), faults, lost
        except ValidationError as invalid:
            found = list(wrong(invalid, rest))
        faults = faults or found
        leave_out = {_innermost(rest, at) for at, _ in found}
        lost |= leave_out
        if () in leave_out:
            return Config(), faults, lost
        rest = _without(rest, leave_out)


def _innermost(tree: Any, at: Loc) -> Loc:
    """Return how far `at` leads through mappings: what is in a list is left out with all of that."""
    for depth, step in enumerate(at):
        if not isinstance(tree, dict) or step not in tree:
            return at[:depth]
        tree = tree[step]
    return at


def _without(tree: dict[Any, Any], leave_out: Set[Loc]) -> dict[Any, Any]:
    """Return `tree` without these keys."""
    return {
        key: _without(value, below) if (below := {at[1:] for at in leave_out if at[0] == key}) else value
        for key, value in tree.items()
        if (key,) not in leave_out
    }


def _in_place(config: Config, path: Path, node: Any) -> Config:
    """Return a configuration that knows where it stands, with the shipped portal where it says nothing of that."""
    said = config.portal.model_fields_set
    config = _placed(config, Origin(str(path), node), path.parent)
    if path == shipped("config", "default.yml"):
        return config
    own = {name: getattr(config.portal, name) for name in said}  # placed: what is of the shipped one stands there
    return config.model_copy(update={"portal": load().portal.model_copy(update=own)})


def _placed(section: S, origin: Origin, folder: Path) -> S:
    """Return `section` with every relative path in it taken from `folder`, and where each part of it stands."""
    if section._origin.root is not None:
        return section  # of another file, which has said so
    fields = type(section).model_fields
    placed = section.model_copy(update={name: _at(getattr(section, name), origin, name, folder) for name in fields})
    placed._origin = origin
    return placed


def _at(value: Any, origin: Origin, key: int | str, folder: Path) -> Any:
    here = replace(origin, loc=(*origin.loc, key))
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, Section):
        return _placed(value, here, folder)
    return tuple(_at(one, here, n, folder) for n, one in enumerate(value)) if isinstance(value, tuple) else value
