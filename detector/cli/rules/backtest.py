"""`detector rules backtest`: what rules would raise on archives, before they are turned on."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detector.cli.options import (
    FILE,
    FORM,
    Moment,
    anchored_span,
    config_option,
    configured,
    only_option,
    rules_option,
    with_samples,
)
from detector.cli.screen import echo_json

if TYPE_CHECKING:
    from detector.lab.backtest import Result

EPILOG = """\b
Examples:
  detector rules backtest /var/log/nginx/access.log* --rules my-rules
  detector rules backtest archive/ --rule "Exports in series" --alerts exports.jsonl"""


@click.command("backtest", epilog=EPILOG)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@only_option
@click.option("--since", type=Moment(), help="Leave out events before (event time).")
@click.option("--until", type=Moment(), help="Leave out events from then on (event time).")
@click.option("--alerts", "alerts_file", type=FILE, metavar="FILE", help="Each alert as a JSON line, for `rules tune`.")
@FORM
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@config_option
@rules_option
def backtest_rules(logs: tuple[str, ...], form: str, **asked: Any) -> None:
    """Count the alerts of each rule by day over archives, with rules that the configuration disables.

    An alert is one time that a rule speaks; the silence it keeps after firing is respected. Models play no part, and
    nothing is sent anywhere. Rotated and compressed files of one log are read as one.
    """
    result, min_level = _run(logs, **asked)
    if form == "json":
        echo_json(_json(result))
    else:
        _print(result, min_level, chosen=bool(asked["only"]))


def _run(
    logs: tuple[str, ...],
    *,
    only: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    alerts_file: Path | None,
    no_progress: bool,
    config_file: Path | None,
    log_level: str | None,
    rules_folders: tuple[Path, ...],
) -> "tuple[Result, str]":
    from detector.cli.files import written
    from detector.cli.progress import progress_bar
    from detector.detect.rules import Rules
    from detector.emit.sinks.lines import as_lines
    from detector.emit.summary import tell_reading, tell_warnings
    from detector.lab.backtest import backtest, speaking, turned_on
    from detector.lab.replay import Replay
    from detector.telemetry import Telemetry

    config = turned_on(configured(config_file, log_level))
    first, last = anchored_span(since, until, config.zone)
    rules = speaking(Rules.load(config, rules_folders), only, config)
    telemetry = Telemetry()
    with ExitStack() as stack:
        file = stack.enter_context(written(alerts_file)) if alerts_file else None
        show = stack.enter_context(progress_bar(shown=not no_progress))
        replay = Replay(with_samples(logs), config, since=first, until=last, on_progress=show)
        write = None if file is None else lambda alerts: file.write(as_lines(alerts, "ecs"))
        result = backtest(replay, rules, telemetry, write)
    telemetry.settle(config.input.reject_share_warning)
    tell_reading(telemetry)
    tell_warnings(telemetry)
    return result, config.rules.min_level


def _json(result: "Result") -> dict[str, Any]:
    return {
        "days": [day.isoformat() for day in result.days],
        "account_days": result.account_days,
        "alarms": result.alarms,
        "incidents": result.incidents,
        "muted": result.muted,
        "rules": [
            {
                "id": one.rule.id,
                "title": one.rule.title,
                "level": one.rule.level,
                "status": one.rule.status,
                "alerts": one.alerts,
                "alerts_by_day": {day.isoformat(): one.by_day[day] for day in sorted(one.by_day)},
                "accounts": len(one.accounts),
                "alerts_per_1000_account_days": round(result.rate(one.alerts), 3),
            }
            for one in result.tallies
        ],
    }


def _print(result: "Result", min_level: str, *, chosen: bool) -> None:
    from detector.cli.rules.days import day_columns
    from detector.cli.table import print_table

    shown = [one for one in result.tallies if one.alerts or chosen]
    headers, cells = day_columns(result.days, [one.by_day for one in shown])
    rows = [
        (one.rule.title, one.rule.level, *days, f"{one.alerts:,}", f"{len(one.accounts):,}",
         _rate(result, one.alerts))
        for one, days in zip(shown, cells, strict=True)
    ]  # fmt: skip
    if rows:
        print_table(("rule", "level", *headers, "alerts", "accounts", "per 1,000"), rows, left=2)
    for line in _sentences(result, min_level, len(result.tallies) - len(shown)):
        click.echo(line)


def _rate(result: "Result", alerts: int) -> str:
    return f"{result.rate(alerts):.2f}" if result.account_days else "-"


def _sentences(result: "Result", min_level: str, silent: int) -> list[str]:
    span = f"{result.days[0]} to {result.days[-1]}, {_number(len(result.days), 'day')}" if result.days else "no day"
    told = [
        f"{span}, {_number(result.account_days, 'account-day')}:"
        f" {_number(sum(one.alerts for one in result.tallies), 'alert')},"
        f" {result.alarms:,} of them {min_level} or worse ({_rate(result, result.alarms)} per 1,000 account-days);"
        f" incidents that they open: {result.incidents:,}."
    ]
    told += [f"{_number(silent, 'rule')} raised nothing."] if silent else []
    kept_out = ((reason, count) for reason, count in result.muted.items() if count)
    return told + [f"{_number(count, 'event')} kept from rules: {reason}" for reason, count in kept_out]


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
