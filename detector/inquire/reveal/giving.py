"""Give identifiers back: note it first, write what is found, note how it ended."""

import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from detector.collect.enrich.secret import Secret
from detector.collect.enrich.subject import IDENTIFIER
from detector.collect.enrich.wanted import SUBJECT, Wanted, as_identifiers
from detector.config import Config
from detector.errors import DetectorError
from detector.inquire.reveal import audit
from detector.inquire.reveal.asked import chosen_tokens, digest_of
from detector.inquire.reveal.searching import Answer, Search

HEADER: Final = (SUBJECT, IDENTIFIER, "as_logged")
_PERSONAL: Final = re.compile(r"\d(?:[ ._-]?[\dABab]){12}")
"""What may be a social security number: it has 13 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, by whom and why: the tokens of `whose` rows. `output` None is standard output."""

    tokens: Path
    key: Secret
    archives: tuple[str, ...]
    reason: str
    output: Path | None
    log: Path
    whose: tuple[str, ...]


def give(request: Request, config: Config, search: Search, terminal: BinaryIO) -> tuple[Answer, int, str]:
    """Write the token, the identifier and how the archives spell it.

    Return the answer, how many rows of TOKENS were left out as nobody's of `whose`, and the audit log's last hash.

    The audit log has the request on the disk before anything is written; how it ended is noted after. What ends the
    search early leaves no file behind. Raises: `DetectorError`, never with anything of a line in it.
    """
    if not request.reason.strip() or _PERSONAL.search(request.reason):
        raise DetectorError("a reason is required: a case or a request, without anybody's identifier in it")
    tokens, left_out = chosen_tokens(request.tokens, request.whose)
    wanted = Wanted(config.portal.subjects, request.key.every, tokens, as_identifiers)
    with _opened(request.output, terminal) as out:
        number, _ = audit.append(request.log, _begun(request, len(tokens)))
        outcome = "interrupted"
        try:
            answer = search.write(out, wanted, HEADER)
            outcome = "done"
        except DetectorError:
            outcome = "failed"
            raise
        except Exception as fault:
            outcome = "failed"
            raise DetectorError(f"it failed: {_where(fault)}") from None  # its text may show what it fell over
        finally:
            ended = {"action": "reveal_ended", "of": number, "outcome": outcome, "found": wanted.given_count}
            _, last = audit.append(request.log, ended)
    return answer, left_out, last


def _begun(request: Request, asked: int) -> dict[str, Any]:
    return {
        "action": "reveal_begun",
        **audit.who(),
        "reason": request.reason.strip(),
        "asked": asked,
        "whose": list(request.whose),
        "tokens": str(request.tokens),
        "tokens_sha256": digest_of(request.tokens),
        "keys": [key.id for key in request.key.every],
        "archives": list(request.archives),
        "output": "-" if request.output is None else str(request.output),
    }


@contextmanager
def _opened(path: Path | None, terminal: BinaryIO) -> Iterator[BinaryIO]:
    """Make the file, for its owner's eyes; take it away again if what is done with it fails."""
    if path is None:
        yield terminal
        return
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as fault:
        raise DetectorError(f"{path}: a new file is required for the identifiers: {fault.strerror}") from None
    try:
        with file:
            yield file
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


def _where(fault: Exception) -> str:
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} at {frame.filename}:{frame.lineno}"
