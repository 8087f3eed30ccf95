"""A blocklist as a STIX 2.1 bundle: what was seen, the indicators made of it, and their sightings.

Source: STIX 2.1 (OASIS Standard, June 2021). Ids are UUIDv5: of observables in the standard's own namespace and from
the properties that it names; of the rest in ours, so that an object is the same in every export and `modified` tells
its version.
"""

import ipaddress
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from detector.clock import rfc3339
from detector.inquire.blocklist.record import Blocklist, Entry

_OBSERVABLES: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Source: STIX 2.1, section 2.9."""

_OURS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://portal-detector.invalid/stix")
_BORN: Final = "2026-01-01T00:00:00.000Z"
"""When the identity that speaks here was made: any moment, the same for ever."""

_SELF: Final = f"identity--{uuid.uuid5(_OURS, 'portal-detector')}"

Object = dict[str, Any]


def stix(blocklist: Blocklist) -> str:
    """Return the bundle; indicators hold until the list ends."""
    objects: list[Object] = [
        {**_head("identity", _SELF, _BORN, _BORN), "name": "portal-detector", "identity_class": "system"}
    ]
    for entry in blocklist.addresses:
        sort = f"ipv{ipaddress.ip_address(entry.value).version}-addr"
        objects += _told(blocklist, entry, sort, {"value": entry.value}, "malicious-activity")
    for entry in blocklist.accounts:
        objects += _told(blocklist, entry, "user-account", {"account_login": entry.value}, "compromised")
    bundle_id = uuid.uuid5(_OURS, rfc3339(blocklist.made) + "".join(one["id"] for one in objects))
    return json.dumps({"type": "bundle", "id": f"bundle--{bundle_id}", "objects": objects}, indent=1) + "\n"


def _told(blocklist: Blocklist, entry: Entry, sort: str, named: dict[str, str], kind: str) -> Iterator[Object]:
    """Yield the observable, what was observed of it, the indicator, and the sighting that joins them."""
    ((name, value),) = named.items()
    contributing = json.dumps(named, separators=(",", ":"), ensure_ascii=False)
    seen: Object = {"type": sort, "spec_version": "2.1", "id": f"{sort}--{uuid.uuid5(_OBSERVABLES, contributing)}"}
    yield seen | named
    first, last = rfc3339(entry.incident.start), rfc3339(max(entry.incident.start, entry.incident.last))
    made = rfc3339(blocklist.made)
    since = _earlier(entry.incident.start, blocklist.made)
    key = f"{entry.incident.id} {seen['id']}"
    observed, indicator, sighting = (
        _head(what, f"{what}--{uuid.uuid5(_OURS, f'{what} {key}')}", since, made)
        for what in ("observed-data", "indicator", "sighting")
    )
    yield observed | {
        "first_observed": first,
        "last_observed": last,
        "number_observed": 1,
        "object_refs": [seen["id"]],
    }
    yield indicator | {
        "name": f"{value} ({entry.incident.level})",
        "description": entry.why,
        "indicator_types": [kind],
        "pattern": f"[{sort}:{name} = '{_quoted(value)}']",
        "pattern_type": "stix",
        "valid_from": since,
        "valid_until": rfc3339(blocklist.until),
    }
    yield sighting | {
        "first_seen": first,
        "last_seen": last,
        "count": 1,
        "sighting_of_ref": indicator["id"],
        "observed_data_refs": [observed["id"]],
        "where_sighted_refs": [_SELF],
    }


def _head(sort: str, name: str, created: str, modified: str) -> Object:
    head = {"type": sort, "spec_version": "2.1", "id": name, "created": created, "modified": modified}
    return head if sort == "identity" else head | {"created_by_ref": _SELF}


def _earlier(moment: datetime, other: datetime) -> str:
    return rfc3339(min(moment, other))


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
