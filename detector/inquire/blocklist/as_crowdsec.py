"""A blocklist as CrowdSec decisions, for `cscli decisions import -i FILE.json`.

Source: CrowdSec documentation, `cscli decisions import`: duration, reason, scope, type, value.
"""

import json

from detector.inquire.blocklist.record import Blocklist


def crowdsec(blocklist: Blocklist) -> str:
    """Return the decisions: bans that end by themselves, scope `ip` or `username`."""
    minutes = round((blocklist.until - blocklist.made).total_seconds() / 60)
    entries = [("ip", entry) for entry in blocklist.addresses] + [("username", entry) for entry in blocklist.accounts]
    decisions = [
        {
            "duration": f"{minutes}m",
            "reason": f"portal-detector: {entry.why}",
            "scope": scope,
            "type": "ban",
            "value": entry.value,
        }
        for scope, entry in entries
    ]
    return json.dumps(decisions, indent=1) + "\n"
