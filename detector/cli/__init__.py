"""Answer the command line: one file a command, imported when it is asked for, so that `--help` is quick."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from detector import VERSION
from detector.cli.standard_error import tell, unfailing
from detector.errors import DetectorError, FaultsError

COMMANDS: Final = (
    "baseline",
    "batch",
    "check",
    "completion",
    "docs",
    "evaluate",
    "explain",
    "export",
    "feedback",
    "incidents",
    "key",
    "notify",
    "outbox",
    "parse",
    "report",
    "reveal",
    "rules",
    "scope",
    "simulate",
    "state",
    "status",
    "tail",
    "timeline",
    "trial",
)

RUNS: Final = ("batch", "tail")
"""Commands that programs start: their standard error is collected, and may have to be JSON alone."""

EPILOG: Final = """\b
Examples:
  detector batch sample_logs
  detector tail /var/log/nginx/access.log --state /var/lib/detector --alerts /var/log/detector.jsonl

Exit codes: 0 done, 1 an alert of --fail-on or worse, 2 bad usage, configuration or rules, 3 input that
cannot be read or a damaged state, 4 another process holds the state, 5 alerts that did not reach every sink,
6 a state that cannot be written for now, 130 interrupted."""


class Commands(click.Group):
    """Commands by name. A fault the user can mend is a message and an exit code, never a traceback.

    Each stands in the module of its name in `package`, under its name and `suffix`.
    """

    def __init__(self, *args: Any, names: Sequence[str], package: str, suffix: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.names, self.package, self.suffix = names, package, suffix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self.names:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name}")
        command: click.Command = getattr(module, cmd_name + self.suffix)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command asked for."""
        try:
            return super().invoke(ctx)
        except DetectorError as fault:
            faults = fault.faults if isinstance(fault, FaultsError) else ()
            prefix = "" if faults else "detector: "  # a fault begins with its file and line
            for told in map(printable, map(str, faults or (fault,))):
                if ctx.invoked_subcommand in RUNS:
                    tell(told, "error", prefix=prefix)
                else:
                    click.echo(prefix + told, err=True)
            ctx.exit(fault.exit_code)


def printable(text: str) -> str:
    """Return `text` with what could steer a terminal written out; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


@click.group(
    cls=Commands,
    names=COMMANDS,
    package="detector.cli",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION, prog_name="detector")
def main() -> None:
    """Catch abused accounts on professional portals from their access logs."""
    unfailing()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal of another encoding must not end a run
