"""`detector state forget`."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from detector.cli import printable
from detector.cli.options import FOLDER
from detector.errors import InputError

if TYPE_CHECKING:
    from detector.inquire.upkeep.erase import Whom

NOTES: Final = "erasures.jsonl"

EPILOG: Final = """\b
Examples:
  detector state forget ph600005 --reason 'case 2026-014' --state /var/lib/detector
  detector state forget --subject 5f1c0d3e9a7b4c2d8e6f0a1b2c3d4e5f --reason 'request 31' --state /var/lib/detector"""


@click.command("forget", epilog=EPILOG)
@click.argument("account", required=False)
@click.option("--subject", metavar="TOKEN", help="An insured person, by token, instead of an account.")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="No detector may run on it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept, so let it name a case and no person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_state(account: str | None, subject: str | None, state: Path, reason: str, yes: bool) -> None:
    """Erase one account, or one insured person, from a state: no byte of the name or token is left in its files.

    Models, windows, sessions, activity, incidents and alerts go; in alerts and notes about others the name is replaced.
    A note that it was done, when, by whom and why stays in STATE/erasures.jsonl, without the name. An account is its
    name as logged, letter for letter; other spellings that are known are told. Lines that were received and read go
    too; while some are not read yet, nothing is erased.

    Not erased: what many accounts taught their peers, which holds no name; of an account, numbers of whom it was shown,
    made of its name and a token that cannot be got back from them, for 30 days, and of sessions, until the day ends;
    what is outside the state: logs, backups, alerts that were delivered. Lines read later make an account known again.
    """
    from detector.inquire.reveal.audit import append, who
    from detector.inquire.upkeep.erase import Whom, erase, still_named

    if (account is None) == (subject is None):
        raise click.UsageError("required: an ACCOUNT, or --subject TOKEN")
    whom = Whom(account, "account") if account is not None else Whom(subject or "", "subject")
    if whom.word in reason:
        raise click.UsageError("--reason names whom it erases: it is kept, so let it name a case")
    if not yes:
        click.confirm(f"Erase {printable(whom.word)} from {state}? It cannot be undone.", abort=True)
    found = erase(state, whom)
    if not found:
        raise InputError(f"{state}: nothing of {whom.word!r} is there{_near(state, whom)}")
    facts = {"action": "erased", "what": whom.kind, "reason": reason, "found": dict(found)}
    append(state / NOTES, facts | who())
    click.echo("erased: " + ", ".join(f"{table} {count:,}" for table, count in sorted(found.items())))
    for name in _spelled_otherwise(state, whom):
        click.echo(f"still there: {printable(name)}: spelled otherwise, an account of its own here", err=True)
    for path in still_named(state, whom):
        click.echo(f"still named in {path}: it is none of the state's own files", err=True)


def _near(state: Path, whom: "Whom") -> str:
    """Offer names that are near: one that is misspelt must not be thought erased."""
    from difflib import get_close_matches

    if whom.kind == "subject":
        return ""
    names = {name.casefold(): name for name in _accounts(state)[:100_000]}
    near = get_close_matches(whom.word.casefold(), names, n=5, cutoff=0.5)
    return f"; near it: {', '.join(names[one] for one in near)}" if near else ""


def _spelled_otherwise(state: Path, whom: "Whom") -> list[str]:
    if whom.kind == "subject":
        return []
    return [name for name in _accounts(state) if name.casefold() == whom.word.casefold()]


def _accounts(state: Path) -> list[str]:
    from detector.inquire.state import reading
    from detector.inquire.upkeep.erase import account_names

    with reading(state) as database:
        return sorted(account_names(database))
