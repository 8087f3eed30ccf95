"""Make many odd inputs of few good ones, the same ones by the same seed."""

from collections.abc import Sequence
from random import Random
from typing import Final

from tests.fuzz.seeds import TOKENS

LONGEST: Final = 5_000
"""Bytes of most mutated lines: longer ones cost time and show little more. One in a hundred is as long as it comes."""


def frame(rng: Random, seeds: Sequence[bytes], lines: int) -> bytes:
    """Return lines of which two in three were mutated, with the ends of lines that files have."""
    made = [
        rng.choice(seeds) if rng.random() < 0.3 else _short(rng, mutated(rng, rng.choice(seeds), seeds))
        for _ in range(lines)
    ]
    return rng.choice((b"\n", b"\n", b"\r\n")).join(made) + rng.choice((b"\n", b""))


def mutated(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Change a text in one to four places."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        upto = min(len(data), at + rng.choice((0, 0, 1, 3, 20, 200)))
        data = data[:at] + _put(rng, data[at:upto], others) + data[upto:]
    return data


def _short(rng: Random, line: bytes) -> bytes:
    return line if rng.random() < 0.01 else line[:LONGEST]


def flipped(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Change bytes as a failing disk does: a few of them, a run of them, or all from some place on."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 20))):
        at = rng.randrange(len(changed))
        changed[at : at + 1] = rng.randbytes(1)
    kind, at = rng.random(), rng.randrange(len(changed))
    if kind < 0.1:
        return bytes(changed[:at])
    if kind < 0.3:
        changed[at : at + 4096] = rng.choice((bytes(4096), rng.randbytes(4096)))[: len(changed) - at]
    return bytes(changed)


def _put(rng: Random, there: bytes, others: Sequence[bytes]) -> bytes:
    """Return what comes in the place of a piece: nothing, a token, bytes, the piece many times, part of another."""
    kind = rng.random()
    if kind < 0.2:
        return b""
    if kind < 0.65:
        return rng.choice(TOKENS) * (1 if rng.random() < 0.97 else rng.randrange(1, 3000))
    if kind < 0.8:
        return rng.randbytes(rng.randrange(1, 8))
    if kind < 0.9 and others:
        other = rng.choice(others)
        return other[rng.randrange(len(other) + 1) :]
    return (there or b" ") * rng.randrange(2, 40)
