"""A blocklist as JSON: the entries, and what was left out."""

import json
from collections.abc import Iterable

from detector.clock import rfc3339
from detector.inquire.blocklist.record import Blocklist, Entry


def as_json(blocklist: Blocklist) -> str:
    """Return one object, in ASCII: whatever a name holds, it steers no terminal."""
    told = {
        "made": rfc3339(blocklist.made),
        "until": rfc3339(blocklist.until),
        "level": blocklist.level,
        "addresses": _listed(blocklist.addresses),
        "accounts": _listed(blocklist.accounts),
        "left_out": dict(sorted(blocklist.left_out.items())),
    }
    return json.dumps(told, indent=2) + "\n"


def _listed(entries: Iterable[Entry]) -> list[dict[str, str]]:
    return [{"value": one.value, "incident": one.incident.id, "why": one.why} for one in entries]
