"""`detector incidents show`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli import printable
from detector.cli.options import FOLDER, FORM, config_option, configured
from detector.cli.screen import echo_json, paged

if TYPE_CHECKING:
    from detector.inquire.incidents import Standing

EPILOG: Final = """\b
Example:
  detector incidents show 1938b5f7 --state /var/lib/detector"""


@click.command("show", epilog=EPILOG)
@click.argument("incident")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@FORM
@config_option
def show_incident(incident: str, state: Path, form: str, config_file: Path | None, log_level: str | None) -> None:
    """Show INCIDENT (its id, or the beginning of it): its alerts, why, what to do, and who said what of it."""
    from detector.inquire.incidents import incidents, named

    configured(config_file, log_level)
    told = named(incidents(state), incident)
    if form == "json":
        _echo_json(told)
    else:
        paged(printable("\n".join(_lines(told))))


def _echo_json(told: "Standing") -> None:
    import json

    from detector.cli.incidents import summary

    alerts = [json.loads(alert.as_json()) for alert in told.alerts]
    words = [asdict(word.verdict) | {"moment": word.moment, "outcome": word.outcome} for word in told.words]
    echo_json(summary(told) | {"words": words, "alerts": alerts})


def _lines(told: "Standing") -> list[str]:
    from detector.clock import rfc3339

    lines = [
        f"{told.id}  {told.status}  {told.level}  {told.about}",
        f"{told.subjects_count:,} insured persons displayed",
    ]
    for alert in told.alerts:
        lines += ["", f"{rfc3339(alert.timestamp)}  {alert.state}  {alert.level}", f"  {alert.message}"]
    if told.alerts:
        last = told.alerts[-1]
        lines += ["", "why:", *(f"  {reason.text}" for reason in last.reasons)]
        lines += ["", f"what to do: {last.next_step}"]
    for word in told.words:
        lines += ["", *_word(asdict(word.verdict), word.moment, word.outcome)]
    return lines


def _word(verdict: dict[str, Any], moment: str | None, outcome: str | None) -> list[str]:
    lines = [f"{verdict['at']}  {verdict['action']}  {verdict['who']}: {verdict['note']}"]
    if outcome is not None:
        lines.append(f"  taken up at {moment} of the log: {outcome}")
    elif verdict["action"] != "acknowledge":
        lines.append("  not taken up yet: the running tail does, or the next run")
    return lines
