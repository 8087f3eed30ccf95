"""`detector docs`: the documents that ship with the program."""

from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from detector.cli.options import config_option
from detector.errors import InputError

EPILOG: Final = """\b
Examples:
  detector docs
  detector docs playbook"""


@click.command(epilog=EPILOG)
@click.argument("page", required=False)
@config_option
def docs(page: str | None, config_file: Path | None, log_level: str | None) -> None:
    """Show a PAGE of the documents, in a pager where a terminal reads; without PAGE, list them all."""
    found = pages()
    if page is None:
        width = max(map(len, found))
        click.echo("\n".join(f"{name.ljust(width)}  {_title(path)}" for name, path in found.items()))
        return
    if page not in found:
        raise InputError(f"no such page: {page!r}; there are {', '.join(found)}")
    click.echo_via_pager(found[page].read_text("utf-8"))


def pages() -> dict[str, Path]:
    """Return the documents by name: `privacy`, `sinks/kafka`."""
    folder = Path(str(files("detector"))) / "docs"
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))}


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("#").strip()
