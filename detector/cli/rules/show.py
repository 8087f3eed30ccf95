"""`detector rules show`: what one rule is for, and what to do when it fires."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli import printable
from detector.cli.options import FORM, config_option, configured, rules_option
from detector.cli.screen import echo_json, paged

if TYPE_CHECKING:
    from detector.detect.rules import Rule

EPILOG = """\b
Example:
  detector rules show 6f1c2a1e-3d1b-4b7e-9d50-1f2f3c0a7b11"""


@click.command("show", epilog=EPILOG)
@click.argument("rule_id", metavar="ID")
@FORM
@config_option
@rules_option
def show_rules(
    rule_id: str, form: str, config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...]
) -> None:
    """Show a rule by its ID, its name or its title: what it is for, what to do, and its file."""
    from detector.detect.rules import Rules

    loaded = Rules.load(configured(config_file, log_level), rules_folders)
    found = loaded.named(rule_id)
    if form == "json":
        echo_json([_told(rule) for rule in found])
    else:
        paged(printable("\n\n".join(map(_described, found))))


def _told(rule: "Rule") -> dict[str, object]:
    named = ("id", "title", "description", "level", "status", "version", "techniques", "tags", "falsepositives",
             "runbook", "references", "line")  # fmt: skip
    return {name: getattr(rule, name) for name in named} | {"tests": len(rule.tests), "file": str(rule.path)}


def _described(rule: "Rule") -> str:
    parts = [
        f"{rule.title}\n\n{rule.description.strip()}\n",
        f"id: {rule.id}\nlevel: {rule.level}\nstatus: {rule.status}\nversion: {rule.version}",
        f"techniques: {', '.join(rule.techniques) or '-'}\ntags: {', '.join(rule.tags) or '-'}",
        *(f"false positive: {one}" for one in rule.falsepositives),
        *(f"step {number}: {step}" for number, step in enumerate(rule.runbook, 1)),
        *(f"reference: {one}" for one in rule.references),
        f"tests: {len(rule.tests)}\nfile: {rule.path}:{rule.line}",
    ]
    return "\n".join(parts)
