"""The options that commands share, and what they mean."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from detector.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])

LEVELS: Final = ("informational", "low", "medium", "high", "critical")

PIPELINES: Final = "detector.pipelines"
"""Where `--pipeline` waits in click's context for the configuration to be read."""

ALERT_FORMATS: Final = ("ecs", "ocsf", "cef", "leef", "cim", "asim", "gelf", "text")
"""Those of `detector.emit.alert`, which `--help` need not load."""

FILE: Final = click.Path(dir_okay=False, path_type=Path)
FOLDER: Final = click.Path(file_okay=False, path_type=Path)

FORM: Final = click.option(
    "-o", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For whom."
)
"""`-o json` on commands that print for people."""


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic only in the newest click
    """A moment in event time: a day, or RFC 3339. One without a zone is in the configured calendar's."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read `value`; a usage fault where it is no moment."""
        try:
            return value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no moment; required 2026-03-02 or 2026-03-02T09:15:00+01:00", param, ctx)


def anchored(moment: datetime | None, zone: "ZoneInfo") -> datetime | None:
    """Return `moment` in UTC, taken in `zone` where it names none."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def anchored_span(
    since: datetime | None, until: datetime | None, zone: "ZoneInfo"
) -> tuple[datetime | None, datetime | None]:
    """Return both moments in UTC. Raises: UsageError when nothing lies between them."""
    first, last = anchored(since, zone), anchored(until, zone)
    if first is not None and last is not None and first >= last:
        raise click.UsageError(f"--since {since} is not before --until {until}: nothing would be read")
    return first, last


def config_option(command: Command) -> Command:
    """Add `--config` and `--log-level`, which every command has."""
    command = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        help="What the program's own log says on standard error.",
    )(command)
    return click.option(
        "--config", "config_file", type=FILE, metavar="FILE", help="Configuration; default: the shipped one."
    )(command)


def only_option(command: Command) -> Command:
    """Add `--rule ID`."""
    return click.option(
        "--rule", "only", multiple=True, metavar="ID", help="Only this rule (id, name or title); may be repeated."
    )(command)


def _note_pipelines(ctx: click.Context, _: click.Parameter, files: tuple[Path, ...]) -> None:
    ctx.meta[PIPELINES] = files


def rules_option(command: Command) -> Command:
    """Add `--rules DIR`, and `--pipeline FILE`, which `configured` adds to the configuration."""
    command = click.option(
        "--pipeline",
        type=FILE,
        multiple=True,
        metavar="FILE",
        expose_value=False,
        callback=_note_pipelines,
        help="Sigma processing pipeline for rules that are not in this program's field names.",
    )(command)
    return click.option(
        "--rules", "rules_folders", type=FOLDER, multiple=True, metavar="DIR", help="Adds a folder of Sigma rules."
    )(command)


def run_options(command: Command) -> Command:
    """Add what `batch` and `tail` have in common."""
    for option in reversed(
        [
            click.option("--alerts", type=FILE, metavar="FILE", help="Alerts, one a line; - (default): stdout."),
            click.option("--format", "form", type=click.Choice(ALERT_FORMATS), default="ecs", show_default=True),
            click.option("--rejects", type=FILE, metavar="FILE", help="Lines that could not be read: where and why."),
            click.option("--since", type=Moment(), help="Leave out events before (event time)."),
            click.option("--until", type=Moment(), help="Leave out events from then on (event time)."),
            click.option("--learn", is_flag=True, help="A clean history: learn from it, raise nothing."),
            click.option("--report", type=FILE, metavar="FILE.html", help="A report to read in a browser."),
            click.option("--stats", type=FILE, metavar="FILE.json", help="Figures of the run."),
            click.option("--no-progress", is_flag=True, help="No progress bar."),
            click.option("--fail-on", type=click.Choice(LEVELS), help="Exit 1 on an alert of this level or worse."),
        ]
    ):
        command = option(command)
    return rules_option(config_option(command))


def configured(config_file: Path | None, log_level: str | None, default_level: str = "error") -> "Config":
    """Start the log and read the configuration. Raises: ConfigFaultsError."""
    from detector.config import ConfigFaultsError, load
    from detector.telemetry import log, log_to_stderr

    level, begins = log_level or default_level, not log.handlers
    log_to_stderr(level)
    try:
        config = load(config_file)
    except ConfigFaultsError as found:
        if begins:  # its faults are told in the form that it asks for; a run that goes on keeps its own
            log_to_stderr(level, form=found.rest.log.format)
        raise
    log_to_stderr(level, form=config.log.format)
    return with_pipelines(config)


def with_pipelines(config: "Config") -> "Config":
    """Add what `--pipeline` named to the configuration."""
    ctx = click.get_current_context(silent=True)
    named = ctx.meta.get(PIPELINES, ()) if ctx else ()
    rules = config.rules.model_copy(update={"pipelines": (*config.rules.pipelines, *named)})
    return config.model_copy(update={"rules": rules})


def with_samples(paths: tuple[str, ...]) -> list[str]:
    """Return `paths`; `sample_logs`, where no such folder is, means the samples that ship with the package."""
    from detector.config import shipped

    return [
        str(shipped("sample_logs", *Path(path).parts[1:]))
        if Path(path).parts[:1] == ("sample_logs",) and not Path(path).exists()
        else path
        for path in paths
    ]
