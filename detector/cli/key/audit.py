"""`detector key audit`: who found persons with the key, and whether the log of it is whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from detector.cli.options import FILE
from detector.errors import DetectorError

EPILOG: Final = """\b
Example:
  detector key audit /etc/portal-detector/subject.key.audit.jsonl"""


@click.command("audit", epilog=EPILOG)
@click.argument("file", type=FILE)
@click.option("--holds", metavar="SHA256", help="An entry's hash, noted elsewhere: a fault if the log has none of it.")
def audit_key(file: Path, holds: str | None) -> None:
    """Check the chain of an audit log that `detector reveal` wrote, and list what it holds.

    A chain that is broken is a fault (exit code 2) that names the line. That the end was cut off, or all written anew,
    shows only against a hash that was kept elsewhere: give it with --holds.
    """
    from detector.cli.table import print_table
    from detector.inquire.reveal.audit import check

    chain = check(file)
    ends = {entry.get("of"): entry for entry in chain.entries if entry.get("action") == "reveal_ended"}
    begun = [entry for entry in chain.entries if entry.get("action") == "reveal_begun"]
    rows = [_row(entry, ends.get(entry["seq"])) for entry in begun]
    if rows:
        print_table(["at", "user", "asked", "found", "outcome", "reason"], rows, left=6)
    click.echo(f"{file}: {len(chain.entries)} entries, the chain is whole; last entry: {chain.last}")
    if holds and holds not in chain.hashes:
        raise DetectorError(f"{file}: no entry has the hash {holds}: the log was cut off or written anew")


def _row(begun: Mapping[str, Any], end: Mapping[str, Any] | None) -> list[str]:
    user = " as ".join(filter(None, (begun.get("sudo_user"), begun.get("user"))))
    found, outcome = (str(end["found"]), end["outcome"]) if end else ("?", "killed, or not ended yet")
    return [begun["at"], user, str(begun["asked"]), found, outcome, begun["reason"]]
