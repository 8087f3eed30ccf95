"""Make key files and rotate them: whole or not at all, for their owner's eyes, and no key is ever lost."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from detector import clock
from detector.collect.enrich.secret import HEADER, Secret, private_bits, random_secret, read_secret
from detector.errors import DetectorError

_NOTE: Final = (
    "# Keys of portal-detector: id, moment, key. The first is current, the others are former ones: delete none.\n"
    "# Whoever reads this file can find out whom a token stands for.\n"
)


def new_key(path: Path) -> Secret:
    """Make a file with a random key, mode 0600, and return the key. Raises: `DetectorError` if something is there."""
    key = _made()
    with _holding(path.parent) as folder:
        temporary = _written(path.parent, (key,))
        try:
            os.link(temporary, path)  # unlike a rename it never takes the place of a key
        except OSError as fault:
            raise DetectorError(f"{path}: a new key file cannot be made: {fault.strerror}") from None
        finally:
            os.unlink(temporary)
        os.fsync(folder)
    return key


def rotate_key(path: Path) -> Secret:
    """Put a random key before the others of a file and return it, with those as its former ones.

    The file keeps its owner, and the part of its mode that is fit for a key. Raises: `DetectorError`.
    """
    path = path.resolve()  # of a link the file behind it is replaced
    with _holding(path.parent) as folder:
        old = read_secret(path)
        if any("\n" in key.text for key in old.every):
            raise DetectorError(f"{path}: a key of one line is required to rotate it")
        key = replace(_made(), former=(replace(old, former=(), exposed=None), *old.former))
        temporary = _written(path.parent, key.every)
        try:
            _like(path.stat(), temporary)
            os.replace(temporary, path)
        except OSError as fault:
            os.unlink(temporary)
            raise DetectorError(f"{path}: cannot be rotated: {fault.strerror}; do it as its owner") from None
        os.fsync(folder)
    return key


def _made() -> Secret:
    return replace(random_secret(), origin="file", made=clock.rfc3339(clock.now()))


def _like(found: os.stat_result, path: str) -> None:
    os.chown(path, found.st_uid, found.st_gid)
    os.chmod(path, found.st_mode & private_bits(found) | 0o600)


@contextmanager
def _holding(folder: Path) -> Iterator[int]:
    """Keep other rotations out. Raises: `DetectorError` if the folder is none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as fault:
        raise DetectorError(f"{folder}: a folder is required for the key: {fault.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _written(folder: Path, keys: Sequence[Secret]) -> str:
    """Write a file beside the one to be (mkstemp makes it 0600) and return its path once it is on the disk."""
    try:
        descriptor, temporary = mkstemp(prefix=".key-", dir=folder)
    except OSError as fault:
        raise DetectorError(f"{folder}: no key file can be written there: {fault.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{HEADER}\n{_NOTE}")
        file.writelines(f"{key.id} {key.made} {key.text}\n" for key in keys)
        file.flush()
        os.fsync(descriptor)
    return temporary
