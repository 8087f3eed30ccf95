"""Turn published log data sets into labelled logs that `detector trial` reads: a log, its configuration, its labels.

Nothing is downloaded: whoever has the files converts them. `detector/docs/datasets.md` tells the protocols.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from detector.lab.datasets import clue, rba

CONVERTERS: Final[dict[str, Callable[[Path, Path], Path]]] = {"clue": clue.convert, "rba": rba.convert}


def converted(kind: str, paths: Sequence[Path], home: Path | None) -> Iterator[Path]:
    """Convert each file and yield its labels; without `home` it is gone when the next is asked for."""
    for path in paths:
        with TemporaryDirectory() if home is None else nullcontext(home) as folder:
            yield CONVERTERS[kind](path, Path(folder) / path.name.partition(".")[0])
