"""`detector rules list`: the rules by id, and with `--profile` what each costs on a log."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FORM, config_option, configured, rules_option, with_samples
from detector.cli.screen import echo_json, paged

if TYPE_CHECKING:
    from detector.config import Config
    from detector.detect.rules import Rule, Rules
    from detector.lab.profile import Cost

EPILOG = """\b
Examples:
  detector rules list --rules my-rules
  detector rules list --profile /var/log/nginx/access.log"""


@click.command("list", epilog=EPILOG)
@click.option(
    "--profile", "profiled", is_flag=True, help="Read LOG... and print time, matches and alerts of each rule."
)
@click.argument("logs", nargs=-1, metavar="[LOG...]")
@FORM
@config_option
@rules_option
def list_rules(
    profiled: bool,
    logs: tuple[str, ...],
    form: str,
    config_file: Path | None,
    log_level: str | None,
    rules_folders: tuple[Path, ...],
) -> None:
    """List every rule: id, level, technique, title; one a line, tabs between.

    With --profile, the rules with what they cost on LOG, the slowest first. Times are of one reading without anything
    beside it; a second one will differ a little.
    """
    from detector.detect.rules import Rules

    if profiled != bool(logs):
        raise click.UsageError("--profile needs at least one LOG, and LOG needs --profile")
    config = configured(config_file, log_level)
    loaded = Rules.load(config, rules_folders)
    if profiled:
        _profile(loaded, config, logs, form)
    elif form == "json":
        echo_json(_listed(loaded))
    else:
        paged("\n".join(map(_line, loaded.catalogue)))


def _line(rule: "Rule") -> str:
    fields = (rule.id, rule.level, ",".join(rule.techniques) or "-", rule.title)
    return "\t".join(fields) + ("" if rule.output else "\t(counted by other rules or disabled)")


def _listed(loaded: "Rules") -> list[dict[str, object]]:
    return [
        {
            "id": rule.id,
            "title": rule.title,
            "level": rule.level,
            "status": rule.status,
            "techniques": rule.techniques,
            "output": rule.output,
            "file": str(rule.path),
            "line": rule.line,
        }
        for rule in loaded.catalogue
    ]


def _profile(loaded: "Rules", config: "Config", logs: tuple[str, ...], form: str) -> None:
    from detector.cli.progress import progress_bar
    from detector.emit.summary import tell_reading, tell_warnings
    from detector.lab.profile import profile
    from detector.lab.replay import Replay
    from detector.telemetry import Telemetry

    telemetry = Telemetry()
    with progress_bar(shown=True) as show:
        replay = Replay(with_samples(logs), config, ahead=False, on_progress=show)
        costs = profile(replay, loaded, telemetry)
    telemetry.settle(config.input.reject_share_warning)
    tell_reading(telemetry)
    tell_warnings(telemetry)
    if form == "json":
        echo_json({"lines": telemetry.lines, "costs": [asdict(cost) for cost in costs]})
    else:
        _print(costs)


def _print(costs: "list[Cost]") -> None:
    from detector.cli.table import print_table
    from detector.lab.profile import Cost

    def told(count: int | None) -> str:
        return "-" if count is None else f"{count:,}"

    total_s = sum(cost.seconds for cost in costs)
    alerts = sum(cost.alerts or 0 for cost in costs)
    rows = [
        (one.name, f"{1000 * one.seconds:,.1f}", f"{one.seconds / total_s:.1%}", told(one.matches), told(one.alerts))
        for one in [*costs, Cost(id="", name="(all)", seconds=total_s, alerts=alerts)]
    ]
    print_table(("rule", "ms", "share", "matches", "alerts"), rows)
