"""Deliver what waits in a state to the sinks of a configuration: a process of its own, for tests that kill it.

python delivering.py CONFIG STATE_FOLDER
"""

import sys
from pathlib import Path

from detector import config
from detector.emit.dispatch import Dispatch
from detector.emit.ledger import FILE
from detector.emit.sinks import open_sink

STILL_S = 60.0


def main(told: Path, folder: Path) -> int:
    """Return how many alerts still wait."""
    dispatch = Dispatch([open_sink(one) for one in config.load(told).sinks], folder / FILE, folder / "state.sqlite")
    dispatch.drain(STILL_S)
    dispatch.close()
    return sum(one.pending for one in dispatch.figures)


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]), Path(sys.argv[2])) else 0)
