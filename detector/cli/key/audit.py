"""`detector key audit`: who found persons with the key, and whether the log of it is whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli.options import FILE, FORM
from detector.cli.screen import echo_json
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.inquire.reveal.audit import Chain

EPILOG: Final = """\b
Example:
  detector key audit /etc/portal-detector/subject.key.audit.jsonl"""


@click.command("audit", epilog=EPILOG)
@click.argument("file", type=FILE)
@click.option("--holds", metavar="SHA256", help="An entry's hash, noted elsewhere: a fault if the log has none of it.")
@FORM
def audit_key(file: Path, holds: str | None, form: str) -> None:
    """Check the chain of an audit log that `detector reveal` wrote, and list what it holds.

    A chain that is broken is a fault (exit code 2) that names the line. That the end was cut off, or all written anew,
    shows only against a hash that was kept elsewhere: give it with --holds.
    """
    from detector.inquire.reveal.audit import check

    chain = check(file)
    (_echo_json if form == "json" else _echo_text)(chain, file)
    if holds and holds not in chain.hashes:
        raise DetectorError(f"{file}: no entry has the hash {holds}: the log was cut off or written anew")


def _echo_json(chain: "Chain", file: Path) -> None:
    echo_json({"file": str(file), "entries": list(chain.entries), "last": chain.last})


def _echo_text(chain: "Chain", file: Path) -> None:
    from detector.cli.table import print_table

    ends = {entry.get("of"): entry for entry in chain.entries if entry.get("action") == "reveal_ended"}
    rows = [_row(one, ends.get(one["seq"])) for one in chain.entries if one.get("action") == "reveal_begun"]
    if rows:
        print_table(["at", "user", "asked", "found", "outcome", "reason"], rows, left=6)
    click.echo(f"{file}: {len(chain.entries)} entries, the chain is whole; last entry: {chain.last}")


def _row(begun: Mapping[str, Any], end: Mapping[str, Any] | None) -> list[str]:
    user = " as ".join(filter(None, (begun.get("sudo_user"), begun.get("user"))))
    found, outcome = (str(end["found"]), end["outcome"]) if end else ("?", "killed, or not ended yet")
    return [begun["at"], user, str(begun["asked"]), found, outcome, begun["reason"]]
