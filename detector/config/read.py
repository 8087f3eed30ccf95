"""Find and read configuration files."""

from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from detector.config.section import Section
from detector.config.sinks import FileSink
from detector.config.whole import Config
from detector.errors import Fault, FaultsError, duplicate_keys, line_of


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder: `shipped("config", "default.yml")`.

    In the wheel they lie inside the package; in a checkout beside it.
    """
    inside = Path(str(files("detector"))).joinpath("shipped", *parts)
    return inside if inside.exists() else Path(str(files("detector"))).parent.joinpath(*parts)


class _TextDates(yaml.SafeLoader):
    """Leaves dates to the validation, which says in which line an impossible one stands; YAML would just fail."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # the base class declares it so
        first: [one for one in found if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


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
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise FaultsError([Fault(str(path), line, f"not YAML: {getattr(fault, 'problem', fault)}")]) from None
    faults = [Fault(str(path), line, message) for line, message in duplicate_keys(node)] if node else []
    tree: Any = yaml.load(text, Loader=_TextDates) or {}  # noqa: S506  # a SafeLoader that leaves dates as text
    try:
        config = Config.model_validate(tree)
        if path != shipped("config", "default.yml"):
            config = _with_the_shipped_portal(config)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            where = ".".join(map(str, error["loc"])) or "the file"
            faults.append(Fault(str(path), line_of(node, error["loc"]), f"{where}: {error['msg']}"))
    if faults:
        raise FaultsError(faults)
    return _anchored(config, path.parent)


def _with_the_shipped_portal(config: Config) -> Config:
    """Take what the shipped portal says of subjects and actions where a file says nothing of its own."""
    said = {name: getattr(config.portal, name) for name in config.portal.model_fields_set}
    return config.model_copy(update={"portal": load().portal.model_copy(update=said)})


S = TypeVar("S", bound=Section)


def _anchored(config: Config, folder: Path) -> Config:
    def at(section: S, *names: str) -> S:
        told = {name: value for name in names if (value := getattr(section, name)) is not None}
        return section.model_copy(update={name: folder / value for name, value in told.items()})

    return config.model_copy(
        update={
            "portal": config.portal.model_copy(update={"key": at(config.portal.key, "file")}),
            "accounts": at(config.accounts, "file"),
            "networks": at(config.networks, "country_table", "asn_table", "kinds_file"),
            "rules": config.rules.model_copy(update={"folders": tuple(folder / one for one in config.rules.folders)}),
            "sinks": tuple(at(one, "path") if isinstance(one, FileSink) else one for one in config.sinks),
        }
    )
