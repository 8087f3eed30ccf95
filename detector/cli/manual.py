"""The man page, made of the commands as click knows them."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Final

import click

from detector import VERSION

ENVIRONMENT: Final = {
    "PORTAL_DETECTOR_KEY": "The secret key of the tokens, where the configuration names no file.",
    "NO_COLOR": "If set, no colours, in a terminal either.",
    "PAGER, LESS": "What shows long pages in a terminal.",
}

FILES: Final = {
    "state.sqlite": "In the folder of --state: habits, incidents, alerts on their way.",
    "delivery.sqlite": "How far each sink is, and what it refused.",
    "verdicts.sqlite": "Who said what of which incident.",
    "subject.key": "The key of the tokens, where none is configured.",
}


def manual(root: click.Group, name: str = "detector") -> str:
    """Return the page in roff: one section a command, those of groups included."""
    context = click.Context(root, info_name=name)
    parts = [
        f'.TH {name.upper()} 1 "" "portal-detector {VERSION}" "User Commands"',
        f".SH NAME\n{name} \\- {_inline(cleandoc(root.help or '').splitlines()[0].rstrip('.'))}",
        f".SH SYNOPSIS\n.B {name}\nCOMMAND [OPTIONS]... [ARGUMENTS]...",
        f".SH DESCRIPTION\n{_prose(root.epilog or '')}",
        ".SH COMMANDS",
        *_commands(context),
        ".SH ENVIRONMENT\n" + _listed(ENVIRONMENT),
        ".SH FILES\n" + _listed(FILES),
        f".SH SEE ALSO\n{_inline(f'`{name} docs` lists the pages that ship with the program.')}",
    ]
    return "\n".join(parts) + "\n"


def _commands(context: click.Context) -> Iterator[str]:
    """Yield a part of every command below that of `context`."""
    group = context.command
    assert isinstance(group, click.Group)  # noqa: S101  # asked for groups only
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        below = click.Context(command, parent=context, info_name=name)
        yield _command(below)
        if isinstance(command, click.Group):
            yield from _commands(below)


def _command(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = (one for one in command.params if isinstance(one, click.Option))
    records = dict(record for one in options if (record := one.get_help_record(context)))
    heading, help_, epilog = f'.SS "{_inline(usage)}"', _prose(command.help or ""), _prose(command.epilog or "")
    return "\n".join([heading, help_, _listed(records), ".PP", epilog])


def _listed(entries: dict[str, str]) -> str:
    return "\n".join(f".TP\n.B {_inline(name)}\n{_line(text)}" for name, text in entries.items())


def _prose(text: str) -> str:
    """Return paragraphs; one that begins with a backspace is left as it is, as in `--help`."""
    return "\n.PP\n".join(map(_paragraph, cleandoc(text).split("\n\n")))


def _paragraph(text: str) -> str:
    if text.startswith("\b\n"):
        return "\n".join([".nf", *map(_line, text.splitlines()[1:]), ".fi"])
    return _line(" ".join(text.split()))


def _line(text: str) -> str:
    """Return a line of text; one that begins with a dot or an apostrophe is no request."""
    return re.sub(r"^(?=[.'])", r"\\&", _inline(text))


def _inline(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
