"""`detector rules`: the rule pack, one by one, and its tests."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FILE, config_option, configured, rules_option

if TYPE_CHECKING:
    from detector.detect.rules import Rule

EPILOG = """\b
Examples:
  detector rules list
  detector rules test --rules my-rules"""


@click.group(epilog=EPILOG)
def rules() -> None:
    """List the rules, run the tests inside their files, show one."""


@rules.command("list", epilog="\b\nExample:\n  detector rules list --rules my-rules")
@config_option
@rules_option
def list_rules(config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...]) -> None:
    """List every rule: id, level, technique, title; one a line, tabs between."""
    for rule in _catalogue(config_file, log_level, rules_folders):
        fields = (rule.id, rule.level, ",".join(rule.techniques) or "-", rule.title)
        click.echo("\t".join(fields) + ("" if rule.output else "\t(counted by other rules or disabled)"))


@rules.command("show", epilog="\b\nExample:\n  detector rules show 6f1c2a1e-3d1b-4b7e-9d50-1f2f3c0a7b11")
@click.argument("rule_id", metavar="ID")
@config_option
@rules_option
def show(rule_id: str, config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...]) -> None:
    """Show a rule by its ID, its name or its title: what it is for, what to do, and its file."""
    from detector.cli import printable
    from detector.errors import DetectorError

    found = [
        rule
        for rule in _catalogue(config_file, log_level, rules_folders)
        if rule_id in (rule.id, rule.name, rule.title, rule.key)
    ]
    if not found:
        raise DetectorError(f"no rule {rule_id!r}; `detector rules list` names them all")
    for rule in found:
        click.echo(printable(_described(rule)))


@rules.command("test", epilog="\b\nExample:\n  detector rules test --rules my-rules --junit results.xml")
@click.option("--junit", type=FILE, metavar="FILE.xml", help="Write the results as JUnit XML.")
@config_option
@rules_option
def run_tests(
    junit: Path | None, config_file: Path | None, log_level: str | None, rules_folders: tuple[Path, ...]
) -> None:
    """Run the tests inside the rule files; a rule that fails one is a fault."""
    from detector.detect.rules import Rules, proof
    from detector.errors import Fault, FaultsError

    loaded = Rules.load(configured(config_file, log_level), rules_folders)
    results = proof.run_tests(loaded)
    if junit is not None:
        proof.write_junit(results, junit)
    failed = [one for one in results if not one.passed]
    if failed:
        raise FaultsError(
            [
                Fault(str(one.rule.path), one.proof.line, str(one).removeprefix(f"{one.rule.path}:{one.proof.line}: "))
                for one in failed
            ]
        )
    for rule in proof.untested(loaded):
        click.echo(f"note: {rule.path}:{rule.line}: no match and near miss among its tests", err=True)
    click.echo(f"{len(loaded.catalogue)} rules, {len(results)} tests passed")


def _catalogue(config_file: Path | None, log_level: str | None, folders: tuple[Path, ...]) -> "tuple[Rule, ...]":
    from detector.detect.rules import Rules

    return Rules.load(configured(config_file, log_level), folders).catalogue


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
