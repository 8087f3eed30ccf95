"""Erase from the bodies that a state keeps: Arrow frames and JSON."""

import json

from detector.context import frames
from detector.inquire.upkeep.erase.whom import Whom
from detector.inquire.upkeep.verify import ARROW


def part(whom: Whom, body: bytes) -> bytes:
    """Return a part of the snapshot without them; the same bytes where they are not in it."""
    if body.startswith(ARROW):
        return packed(whom, body)
    if body[:1] not in (b"{", b"["):
        return body
    trees = [json.loads(line) for line in body.split(b"\n")]
    told = [whom.tree(tree) for tree in trees if not whom.owns(tree)]
    return body if told == trees else "\n".join(map(json.dumps, told)).encode()


def packed(whom: Whom, body: bytes) -> bytes:
    """Return an Arrow frame without them; the same bytes where they are not in it."""
    before = frames.unpack(body)
    after = whom.frame(before)
    return body if after.equals(before) else frames.pack(after)


def json_text(whom: Whom, body: str) -> str:
    """Return JSON without them; the same text where they are not in it."""
    tree = json.loads(body)
    told = whom.tree(tree)
    return body if told == tree else json.dumps(told, separators=(",", ":"), allow_nan=False)
