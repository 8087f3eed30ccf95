"""Find and read configuration files."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from detector.config.section import Origin, Section
from detector.config.sinks import clashes
from detector.config.whole import Config
from detector.config.yaml_text import problem_of, read_documents
from detector.errors import Fault, FaultsError, duplicate_keys, line_of

S = TypeVar("S", bound=Section)


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder: `shipped("config", "default.yml")`.

    In the wheel they lie inside the package; in a checkout beside it.
    """
    inside = Path(str(files("detector"))).joinpath("shipped", *parts)
    return inside if inside.exists() else Path(str(files("detector"))).parent.joinpath(*parts)


def load(path: Path | None = None) -> Config:
    """Read and validate a configuration file; None is the shipped one.

    Relative paths inside it are relative to the file; a portal that it leaves out is the shipped one.
    Raises: `FaultsError` with every fault.
    """
    path = path or shipped("config", "default.yml")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise FaultsError([Fault(str(path), 1, f"cannot be read: {fault}")]) from None
    try:
        documents: list[tuple[Any, Any]] = [*read_documents(text)] or [(None, {})]
    except yaml.YAMLError as fault:
        raise FaultsError([Fault(str(path), *problem_of(fault))]) from None
    node, tree = documents[0]
    faults = [Fault(str(path), line, message) for line, message in duplicate_keys(node)] if node else []
    faults += [
        Fault(str(path), one.start_mark.line + 1, "a second document came, one is required") for one, _ in documents[1:]
    ]
    try:
        config = Config.model_validate(tree or {})
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            where = ".".join(map(str, error["loc"])) or "the file"
            told = error["msg"].removeprefix("Value error, ")
            faults.append(Fault(str(path), line_of(node, error["loc"]), f"{where}: {told}"))
    if faults:
        raise FaultsError(faults)
    said = config.portal.model_fields_set
    config = _placed(config, Origin(str(path), node), path.parent)
    if path != shipped("config", "default.yml"):
        config = _with_the_shipped_portal(config, said)  # placed before: what is of the shipped one stands there
    if faults := list(clashes(config.sinks)):  # paths are known only now
        raise FaultsError(faults)
    return config


def _with_the_shipped_portal(config: Config, said: set[str]) -> Config:
    """Take what the shipped portal says of subjects and actions where a file says nothing of its own."""
    own = {name: getattr(config.portal, name) for name in said}
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
