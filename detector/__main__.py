"""Run the command: as `detector`, or as `python -m detector`."""

import signal
import sys


def main(prog_name: str | None = None) -> None:
    """Answer the command line."""
    if sys.argv[1:2] == ["tail"]:  # before what takes its time: asked to reload until it can, it does so then
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from detector import cli

    cli.main(prog_name=prog_name)


if __name__ == "__main__":
    main("python -m detector")
