"""`detector check`: every fault of the configuration and of the rules, at once."""

from pathlib import Path

import click

from detector.cli.options import config_option, rules_option

EPILOG = """\b
Example:
  detector check --config detector.yml --rules my-rules"""


@click.command(epilog=EPILOG)
@config_option
@rules_option
def check(config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...]) -> None:
    """Validate the configuration and the rules, and print every fault as `file:line: message`."""
    from detector.cli.options import configured
    from detector.config import Config
    from detector.detect.rules import Rules
    from detector.errors import Fault, FaultsError

    faults: list[Fault] = []
    config, rules = Config(), None
    try:
        config = configured(config_file, log_level)
    except FaultsError as found:
        faults += found.faults
    try:
        rules = Rules.load(config, rules_folders)  # of a configuration at fault: the rules are read all the same
    except FaultsError as found:
        faults += found.faults
    if faults or rules is None:
        raise FaultsError(faults)
    for note in rules.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{len(rules.catalogue)} rules, configuration ok")
