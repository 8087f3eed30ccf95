"""`detector rules tune`: a filter that takes false alerts away, and the proof that the right ones stay."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli.options import FILE, config_option, configured, rules_option, with_samples

if TYPE_CHECKING:
    from detector.lab.truth import Alert
    from detector.lab.tune import Judged, Proposal

LASTING: Final = timedelta(days=180)
"""How long a filter holds that nobody gave an end: what it mutes is looked at again then."""

EPILOG = """\b
Examples:
  detector rules tune "Many exports" --keep right.jsonl --drop false.jsonl archive/access.log*
  detector rules tune "Many exports" --drop false.jsonl archive/ --reason "Ticket 4711" --write exports.yml

Exit codes: 0 proved, 1 no filter exists or none can be proved, 2 and 3 as for every command."""


@click.command("tune", epilog=EPILOG)
@click.argument("rule")
@click.argument("logs", nargs=-1, metavar="[LOG...]")
@click.option("--drop", type=FILE, multiple=True, required=True, metavar="ALERTS", help="False alerts.")
@click.option("--keep", type=FILE, multiple=True, metavar="ALERTS", help="Alerts that must still fire.")
@click.option("--reason", metavar="TEXT", help="Why they are false; stands in the filter.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Its last day; default: half a year on."
)
@click.option("--write", "target", type=FILE, metavar="FILE", help="Write the filter there; default: print it.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@config_option
@rules_option
def tune_rules(rule: str, logs: tuple[str, ...], target: Path | None, no_progress: bool, **asked: Any) -> None:
    """Propose a Sigma filter that takes the false alerts of RULE away and leaves those to keep.

    ALERTS are alerts as `batch`, `tail` or `rules backtest --alerts` write them (ECS, JSON lines); those of other
    rules are passed over. LOG are the logs that the alerts came from. They are read twice: for the events behind the
    alerts, then for the proof that with the filter every alert to drop is gone, every one to keep still fires, and
    none has moved. Without LOG only a rule that counts nothing can be proved, by accounts and addresses.
    """
    from detector.cli.files import written

    if "-" in logs:
        raise click.UsageError("standard input cannot be read twice: give files")
    judged = _judged(rule, **asked)
    if judged.ignored:
        click.echo(f"{judged.ignored} alerts are of other rules, or tell of a closing: passed over", err=True)
    proposal = _proposed(judged, logs, shown=not no_progress)
    if target is None:
        click.echo(proposal.text, nl=False)
    else:
        with written(target) as file:
            file.write(proposal.text.encode())
    for line in _sentences(proposal):
        click.echo(line, err=True)


def _judged(
    rule: str,
    *,
    drop: tuple[Path, ...],
    keep: tuple[Path, ...],
    reason: str | None,
    until: datetime | None,
    config_file: Path | None,
    log_level: str | None,
    rules_folders: tuple[Path, ...],
) -> "Judged":
    from detector.lab.backtest import turned_on
    from detector.lab.truth import read_alerts
    from detector.lab.tune import Judged

    config = turned_on(configured(config_file, log_level))
    false = [alert for path in drop for alert in read_alerts(path)]
    return Judged.of(
        rule,
        config,
        rules_folders,
        keep=[alert for path in keep for alert in read_alerts(path)],
        drop=false,
        reason=reason or "Alerts judged to be false",
        until=until.date() if until else _last_day(false),
    )


def _last_day(alerts: "list[Alert]") -> date:
    from detector.clock import now

    return (max([now(), *(alert.at for alert in alerts)]) + LASTING).date()


def _proposed(judged: "Judged", logs: tuple[str, ...], *, shown: bool) -> "Proposal":
    from detector.cli.progress import progress_bar
    from detector.emit.summary import tell_reading, tell_warnings
    from detector.lab.replay import Replay
    from detector.lab.tune import tune, tune_from_alerts
    from detector.telemetry import Telemetry

    if not logs:
        return tune_from_alerts(judged)
    telemetry = Telemetry()
    with progress_bar(shown=shown) as show:
        proposal = tune(judged, Replay(with_samples(logs), judged.config, on_progress=show), telemetry)
    telemetry.settle(judged.config.input.reject_share_warning)
    tell_reading(telemetry)
    tell_warnings(telemetry)
    return proposal


def _sentences(proposal: "Proposal") -> list[str]:
    told = f"proved: drops {proposal.dropped} of {proposal.dropped} alerts, keeps {proposal.kept} of {proposal.kept}"
    candidate = proposal.candidate
    if candidate is None or proposal.lost is None:
        return [f"{told}, by the accounts and addresses they carry; what else it mutes, logs would tell"]
    lines = [
        f"{told}; run over the logs with the filter",
        f"mutes {candidate.muted:,} of {candidate.read:,} events that the rule reads, {candidate.beside:,} of them not"
        " behind the alerts dropped",
    ]
    return lines + [f"takes away as well, which nobody judged: {one}" for one in proposal.lost]
