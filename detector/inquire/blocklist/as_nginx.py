"""A blocklist for nginx: `deny` lines, or maps that a configuration decides on.

Source: nginx documentation, ngx_http_access_module and ngx_http_map_module. `$remote_addr` is the client only where
nginx is the edge or ngx_http_realip_module is set up.
"""

import re
from typing import Final

from detector.inquire.blocklist.record import Blocklist

_PLAIN: Final = re.compile(r"[A-Za-z0-9._@+-]+")
"""Names that nginx reads as they stand; another is left out, as a wrong quote would let the server not start."""

_WORDS: Final = {"default", "hostnames", "include", "volatile"}
"""Of a map's own: a value that is one of them stands after a backslash."""


def nginx(blocklist: Blocklist) -> str:
    """Return `deny` lines to include in a `server` or `location`. Accounts have no `deny`."""
    lines = _remarks(blocklist)
    for entry in blocklist.addresses:
        lines += [f"# {entry.why}", f"deny {entry.value};"]
    return "\n".join(lines) + "\n"


def nginx_map(blocklist: Blocklist) -> str:
    """Return maps to include in `http`: `$portal_blocked` by address, `$portal_blocked_user` by `$remote_user`."""
    lines = [*_remarks(blocklist), "map $remote_addr $portal_blocked {", "    default 0;"]
    for entry in blocklist.addresses:
        lines += [f"    # {entry.why}", f"    {entry.value} 1;"]
    lines += ["}", "map $remote_user $portal_blocked_user {", "    default 0;"]
    for entry in blocklist.accounts:
        lines.append(f"    # {entry.why}")
        if _PLAIN.fullmatch(entry.value):
            lines.append(("    \\" if entry.value in _WORDS else "    ") + f"{entry.value} 1;")
        else:
            lines.append(f"    # left out, as nginx would misread it: {entry.value!a}")
    return "\n".join([*lines, "}"]) + "\n"


def _remarks(blocklist: Blocklist) -> list[str]:
    return [f"# {remark}" for remark in blocklist.remarks()]
