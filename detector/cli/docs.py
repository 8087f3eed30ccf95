"""`detector docs`: the documents that ship with the program."""

from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from detector.cli.manual import manual
from detector.cli.options import FORM, config_option
from detector.cli.screen import echo_json, paged
from detector.errors import InputError

EPILOG: Final = """\b
Examples:
  detector docs
  detector docs playbook
  detector docs --man > detector.1"""


@click.command(epilog=EPILOG)
@click.argument("page", required=False)
@click.option("--man", is_flag=True, help="The man page of all commands instead, to be kept as detector.1.")
@FORM
@config_option
def docs(page: str | None, man: bool, form: str, config_file: Path | None, log_level: str | None) -> None:
    """Show a PAGE of the documents, in a pager where a terminal reads; without PAGE, list them all."""
    if man:
        from detector.cli import main

        click.echo(manual(main), nl=False)
    elif page is None:
        _list(form)
    else:
        paged(_text(page))


def _list(form: str) -> None:
    titles = {name: _title(path) for name, path in pages().items()}
    if form == "json":
        echo_json(titles)
        return
    width = max(map(len, titles))
    click.echo("\n".join(f"{name.ljust(width)}  {title}" for name, title in titles.items()))


def _text(page: str) -> str:
    found = pages()
    if page not in found:
        raise InputError(f"no such page: {page!r}; there are {', '.join(found)}")
    return found[page].read_text("utf-8")


def pages() -> dict[str, Path]:
    """Return the documents by name: `privacy`, `sinks/kafka`."""
    folder = Path(str(files("detector"))) / "docs"
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))}


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("#").strip()
