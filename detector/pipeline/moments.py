"""Write and read up to which event times a run has come."""

import json
from datetime import datetime


def told(seen: datetime | None, judged: datetime | None) -> bytes:
    """Write up to which event time all is observed, and up to which it was judged ahead, at an end."""
    return json.dumps([one and one.isoformat() for one in (seen, judged)]).encode()


def moments(told: bytes) -> list[datetime | None]:
    """Read what `told` wrote."""
    return [one and datetime.fromisoformat(one) for one in json.loads(told)]
