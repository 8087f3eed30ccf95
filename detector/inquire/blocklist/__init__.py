"""List what of the open incidents a person may block: addresses and accounts, in the words of what blocks.

Nothing is blocked by itself, and an entry ends unless it is exported again. A wrong entry keeps a whole hospital from
its patients' files, so an address is only listed when all of this holds; what is left out is counted with its reason:

- it is evidence of an open incident of the level asked for (`high` if nothing is said), and it raised an alert itself
  or is none of the places that the incident's account had before;
- it is public: not private, reserved, one of `input.trusted_proxies`, nor covered by an entry of `allow`;
- it is not of a mobile carrier or a relay (iCloud Private Relay, WARP, a company's web proxy), which strangers share;
- no account without an open incident had success there in the last 30 days;
- no account at all, the incident's own included, had success there on a day before the incident began;
- the state knows at least `KNOWN_DAYS` days before the incident: without them the two conditions above say nothing.

An account is listed when an open incident of the level is about it; accounts that an address merely tried are not.
"""

from collections.abc import Callable
from typing import Final

from detector.inquire.blocklist.as_crowdsec import crowdsec
from detector.inquire.blocklist.as_json import as_json
from detector.inquire.blocklist.as_nginx import nginx, nginx_map
from detector.inquire.blocklist.as_stix import stix
from detector.inquire.blocklist.as_text import text
from detector.inquire.blocklist.compiling import compiled
from detector.inquire.blocklist.record import Blocklist

FORMS: Final[dict[str, Callable[[Blocklist], str]]] = {
    "text": text,
    "json": as_json,
    "nginx": nginx,
    "nginx-map": nginx_map,
    "crowdsec": crowdsec,
    "stix": stix,
}
"""By the name that `--format` uses."""

__all__ = ["FORMS", "Blocklist", "compiled"]
