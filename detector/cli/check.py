"""`detector check`: every fault of the configuration and of the rules, at once."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FORM, config_option, rules_option
from detector.cli.screen import echo_json

if TYPE_CHECKING:
    from detector.config import Config
    from detector.detect.rules import Rules
    from detector.errors import Fault

EPILOG = """\b
Example:
  detector check --config detector.yml --rules my-rules"""


@click.command(epilog=EPILOG)
@FORM
@config_option
@rules_option
def check(form: str, config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...]) -> None:
    """Validate the configuration and the rules, and print every fault as `file:line: message`."""
    from dataclasses import asdict

    from detector.errors import FaultsError

    config, rules, faults = read(config_file, log_level, rules_folders)
    notes = [] if faults or rules is None else _notes(config, rules)
    count = len(rules.catalogue) if rules else 0
    if form == "json":
        echo_json({"rules": count, "notes": notes, "faults": [asdict(one) for one in faults]})
    if faults:
        raise FaultsError(faults)
    if form == "text":
        for note in notes:
            click.echo(f"note: {note}", err=True)
        click.echo(f"{count} rules, configuration ok")


def read(
    config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...], default_level: str = "error"
) -> "tuple[Config, Rules | None, list[Fault]]":
    """Return the configuration, the rules if they can be read, and every fault of both."""
    from detector.cli.options import configured, with_pipelines
    from detector.config import Config
    from detector.detect.rules import Rules
    from detector.errors import Fault, FaultsError

    faults: list[Fault] = []
    config, rules = with_pipelines(Config()), None
    try:
        config = configured(config_file, log_level, default_level)
        faults += _of_what_is_named(config)
    except FaultsError as found:
        faults += found.faults
    try:
        rules = Rules.load(config, rules_folders)  # of a configuration at fault: the rules are read all the same
        faults += _of_filters(config, {rule.id for rule in rules.catalogue})
    except FaultsError as found:
        faults += found.faults
    return config, rules, sorted(set(faults))


def _notes(config: "Config", rules: "Rules") -> list[str]:
    """Return what is no fault, but had better be known."""
    from detector.collect.enrich.secret import configured_secret
    from detector.detect.rules import lacking

    key = configured_secret(config.portal.key)
    exposed = [key.exposed] if key and key.exposed else []
    return [*map(str, rules.notes), *lacking(rules.catalogue), *exposed]


def _of_what_is_named(config: "Config") -> "list[Fault]":
    """Return the faults that only show where the parts are built as a run builds them.

    So what the configuration names is read as well: the format, the directory, the tables, the key.
    """
    from detector.collect.enrich import Enricher
    from detector.collect.formats import choose_format
    from detector.collect.source.block import LINES
    from detector.errors import FaultsError, together
    from detector.schema import empty

    try:
        together(lambda: choose_format(empty(LINES), config.input), lambda: Enricher(config))
    except FaultsError as found:
        return [*found.faults, *_of_sinks(config)]
    return _of_sinks(config)


def _of_sinks(config: "Config") -> "list[Fault]":
    """Return the faults of what sinks name: folders, certificates, secrets. No receiver is called, no file is made."""
    from detector.config import ToFile
    from detector.emit.sinks import open_sink
    from detector.emit.sinks.secure import lacking_secrets
    from detector.errors import DetectorError

    faults: list[Fault] = []
    for one in config.sinks:
        if isinstance(one, ToFile):
            if not one.path.parent.is_dir():
                faults.append(one.fault(f"{one.path.parent}: a folder is required there", "path"))
            continue
        lacking = [one.fault(why, *at) for at, why in lacking_secrets(one)]
        try:
            if not lacking:
                open_sink(one).close()
        except DetectorError as found:
            lacking.append(one.fault(str(found)))
        faults += lacking
    return faults


def _of_filters(config: "Config", ids: set[str]) -> "list[Fault]":
    """Return the faults of sinks that ask for alerts of what there is not: nothing would ever go there."""
    from detector.detect.explain import MODEL

    return [
        sink.fault(f"no rule of the id {name!r}; the model is {MODEL!r}", "rules", place)
        for sink in config.sinks
        for place, name in enumerate(sink.rules)
        if name not in ids | {MODEL}
    ]
