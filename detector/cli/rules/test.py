"""`detector rules test`: the tests inside the rule files, and what a rule lacks."""

from dataclasses import asdict
from pathlib import Path

import click

from detector.cli.options import FILE, FORM, config_option, configured, only_option, rules_option
from detector.cli.screen import echo_json

EPILOG = """\b
Example:
  detector rules test --rules my-rules --junit results.xml"""


@click.command("test", epilog=EPILOG)
@only_option
@click.option("--junit", type=FILE, metavar="FILE.xml", help="Write the results as JUnit XML.")
@FORM
@config_option
@rules_option
def test_rules(
    only: tuple[str, ...],
    junit: Path | None,
    form: str,
    config_file: Path | None,
    log_level: str | None,
    rules_folders: tuple[Path, ...],
) -> None:
    """Run the tests inside the rule files; a rule that fails one is a fault.

    Rules that lack what whoever gets the alert will need are named on standard error: a test that matches and one
    that nearly does, a description, a runbook and the like.
    """
    from detector.detect.rules import Rules, lacking, run_tests, write_junit
    from detector.errors import FaultsError

    config = configured(config_file, log_level)
    as_written = config.rules.model_copy(update={"disabled": (), "thresholds": {}})  # what their tests speak of
    loaded = Rules.load(config.model_copy(update={"rules": as_written}), rules_folders)
    chosen = loaded.named(*only)
    results = run_tests(loaded, chosen)
    if junit is not None:
        write_junit(results, junit)
    notes, failed = lacking(chosen), [one.fault for one in results if not one.passed]
    if form == "json":
        told = {"rules": len(chosen), "tests": len(results), "failed": [asdict(one) for one in failed]}
        echo_json(told | {"notes": list(map(str, notes))})
    else:
        for note in notes:
            click.echo(f"note: {note}", err=True)
    if failed:
        raise FaultsError(failed)
    if form == "text":
        click.echo(f"{len(chosen)} rules, {len(results)} tests passed")
