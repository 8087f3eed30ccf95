"""`detector status`."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli.options import FOLDER, FORM, config_option, configured
from detector.cli.screen import echo_json

if TYPE_CHECKING:
    from detector.pipeline.watching.figures import Figures
    from detector.pipeline.watching.health import Concern

OLD_S: Final = 30.0
"""Figures older than that are not those of a `tail` that can write them: it does every five seconds."""

EPILOG: Final = """\b
Examples:
  detector status --state /var/lib/detector
  watch -n 5 detector status --state /var/lib/detector

Exit codes: 0 it runs and is well, 1 it does not run or is not well, 3 no `tail` has run on this state."""


@click.command(epilog=EPILOG)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="The state directory.")
@config_option
@FORM
@click.pass_context
def status(ctx: click.Context, state: Path, form: str, config_file: Path | None, log_level: str | None) -> None:
    """Say how a `tail` that runs on a state fares: how far it is, what waits, what is wrong and what to do.

    It looks, beside the detector, at what that writes every few seconds, and disturbs nothing.
    """
    from detector import clock
    from detector.checkpoint.lock import holder
    from detector.pipeline.watching.figures import is_read_only
    from detector.pipeline.watching.health import concerns

    ctx.color = False if os.environ.get("NO_COLOR") else None  # None: in a terminal
    config = configured(config_file, log_level)
    figures, pid, now = _figures(state), holder(state), clock.now()
    runs = pid == figures.pid and not figures.ended
    still_s = max(0.0, (now - figures.written).total_seconds())
    if still_s > OLD_S and is_read_only(state):  # who asks may see a mount of another kind than who writes
        figures = replace(figures, unwritten="read-only file system")
    found = concerns(figures, now, still_s, config.health) if runs else [_not_running(figures, pid)]
    if form == "json":
        echo_json(_told(figures, found, runs=runs))
    else:
        from detector.cli.standing import print_standing

        print_standing(figures, found, now, runs=runs)
    ctx.exit(1 if found else 0)


def _figures(state: Path) -> "Figures":
    from detector.errors import InputError
    from detector.pipeline.watching.figures import Figures, free_bytes
    from detector.pipeline.watching.watch import FILE

    try:
        figures = Figures.from_json((state / FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{state}: no `detector tail` has run on this state; required a folder with {FILE}") from None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise InputError(f"{state / FILE}: cannot be read: {fault}") from None
    return replace(figures, free_bytes=free_bytes(state))  # as it is now: on a full disk, the file is of before


def _not_running(figures: "Figures", pid: int | None) -> "Concern":
    from detector.cli.standing import at
    from detector.pipeline.watching.health import Concern

    ended = "ended" if figures.ended else "was killed, or its machine went down, after"
    text = f"the `tail` of process {figures.pid} {ended} {at(figures.written)}"
    if pid is None:
        return Concern(code="stopped", text=text, advice="start it: it goes on where it was, and loses nothing")
    text += f"; process {pid} holds the state: another command, or a `tail` that has said nothing yet"
    return Concern(code="stopped", text=text, advice="ask again in some seconds; start it if that was another command")


def _told(figures: "Figures", found: "list[Concern]", *, runs: bool) -> dict[str, Any]:
    import json
    from dataclasses import asdict

    told: dict[str, Any] = {"running": runs, "healthy": not found, "concerns": [asdict(one) for one in found]}
    return told | {"figures": json.loads(figures.as_json())}
