"""`detector report`: one page to read in a browser."""

from pathlib import Path

import click

from detector.cli.options import FILE, FOLDER, config_option, configured

EPILOG = """\b
Example:
  detector report --state /var/lib/detector --output report.html"""


@click.command(epilog=EPILOG)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@click.option("--output", type=FILE, required=True, metavar="FILE.html", help="Where to; replaced at once.")
@config_option
def report(state: Path, output: Path, config_file: Path | None, log_level: str | None) -> None:
    """Write incidents, map, trends and health as one HTML page that needs nothing else.

    A page that is written again and again beside a live log: `report.path` in the configuration.
    """
    from detector import clock
    from detector.cli.files import replaced
    from detector.inquire.memory import Memory
    from detector.inquire.report import write_report
    from detector.inquire.state import reading

    config = configured(config_file, log_level)
    with reading(state) as database:
        page = write_report(Memory.of_state(state, database, config), clock.now())
    replaced(output, page.encode())
