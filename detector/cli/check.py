"""`detector check`: every fault of the configuration and of the rules, at once."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FORM, config_option, rules_option
from detector.cli.screen import echo_json

if TYPE_CHECKING:
    from collections.abc import Set

    from detector.config import Config, Destination
    from detector.config.section import Loc
    from detector.detect.rules import Found, Rules
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
    from detector.config import ConfigFaultsError
    from detector.detect.rules import Rules, find

    faults: list[Fault] = []
    lost: Set[Loc] = frozenset()
    try:
        config = configured(config_file, log_level, default_level)
    except ConfigFaultsError as wrong:  # what is sound of it is looked at all the same
        config, lost = with_pipelines(wrong.rest), wrong.lost
        faults += wrong.faults
    if () not in lost:
        faults += _of_what_is_named(config)
    found = find(config, rules_folders, unread=any(at[0] == "rules" for at in lost if at))
    faults += [*found.faults, *_of_filters(config, found)]
    return config, None if found.faults else Rules(found.rules, config), sorted(set(faults))


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
    from detector.errors import DetectorError

    faults: list[Fault] = []
    for one in config.sinks:
        lacking = lacking_of(one)
        try:
            if not lacking and not isinstance(one, ToFile):
                open_sink(one).close()
        except DetectorError as found:
            lacking.append(one.fault(str(found)))
        faults += lacking
    return faults


def lacking_of(sink: "Destination") -> "list[Fault]":
    """Return a fault of each folder and secret that a sink names and that is not there."""
    from detector.config import ToFile
    from detector.emit.sinks.secure import lacking_secrets

    if isinstance(sink, ToFile) and not sink.path.parent.is_dir():
        return [sink.fault(f"{sink.path.parent}: a folder is required there", "path")]
    return [sink.fault(why, *at) for at, why in lacking_secrets(sink)]


def _of_filters(config: "Config", found: "Found") -> "list[Fault]":
    """Return the faults of sinks that ask for alerts of what there is not: nothing would ever go there."""
    from detector.detect.explain import MODEL

    ids = {MODEL, *(rule.id for rule in found.rules), *found.doubtful}
    return [
        sink.fault(f"{found.no_rule(name, 'of the id ')}; the model is {MODEL!r}", "rules", place)
        for sink in config.sinks
        for place, name in enumerate(sink.rules)
        if name not in ids
    ]
