"""Start the real command without the second that Python needs for its imports: a process that has them, forked.

It imports what others wrote, and nothing that starts threads of Polars: those would not live on in a child.
Asked by lines of JSON on standard input, it answers each with one line: `start` with the child's number, `wait` with
how the child ended, as `os.waitstatus_to_exitcode` says it.
"""

import json
import os
import runpy
import sys
from typing import NoReturn

import click  # noqa: F401
import holidays  # noqa: F401
import jinja2  # noqa: F401
import maxminddb  # noqa: F401
import numpy  # noqa: F401
import polars  # noqa: F401
import pydantic  # noqa: F401
import rich.console  # noqa: F401
import river.stats  # noqa: F401
import sigma.processing.conditions
import sigma.rule  # noqa: F401
import ua_parser  # noqa: F401
import urllib3  # noqa: F401


def become(arguments: list[str], said: str) -> NoReturn:
    """Be `python -m detector ARGUMENTS`, with its errors added to the file `said`."""
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.setpgrp()
    sys.argv = ["detector", *arguments]
    code = 70
    try:
        runpy.run_module("detector", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            child = os.fork()
            if child == 0:
                become(asked["start"], asked["said"])
            answer = child
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    main()
