"""Say what a client calls itself on a given day: versions move on for everybody, within some days.

Assumptions: a Chromium or Firefox release every 28 days from the anchors below; an account follows 0 to 12 days late.
"""

from datetime import date
from typing import Final

import numpy as np

from detector.lab.simulate.rhythm import Ints

_DAY_S: Final = 86_400
CHROME_ANCHOR: Final = (date(2025, 12, 2), 143)
FIREFOX_ANCHOR: Final = (date(2025, 12, 9), 146)
_WIN: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_ANDROID: Final = "Mozilla/5.0 (Linux; Android 10; K)"
_KHTML: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"

# name, agent with {v}, follows: chrome, firefox, apple, or a fixed first version that moves twice a year
FAMILIES: Final = (
    ("chrome_windows", f"{_WIN} {_KHTML} Chrome/{{v}}.0.0.0 Safari/537.36", "chrome"),
    ("edge_windows", f"{_WIN} {_KHTML} Chrome/{{v}}.0.0.0 Safari/537.36 Edg/{{v}}.0.0.0", "chrome"),
    ("firefox_windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0", "firefox"),
    ("chrome_mac", f"{_MAC} {_KHTML} Chrome/{{v}}.0.0.0 Safari/537.36", "chrome"),
    ("safari_mac", f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/26.{v} Safari/605.1.15", "apple"),
    ("safari_iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
     "(KHTML, like Gecko) Version/26.{v} Mobile/15E148 Safari/604.1", "apple"),
    ("chrome_android", f"{_ANDROID} {_KHTML} Chrome/{{v}}.0.0.0 Mobile Safari/537.36", "chrome"),
    ("firefox_linux", "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0", "firefox"),
    ("vendor_java", "OfficineConnect/8.{v} Java-http-client/17.0.12", "vendor"),
    ("vendor_dotnet", "CabinetPlus/4.{v} (.NET 8.0)", "vendor"),
    ("vendor_php", "TeleSoin-Gateway/2.{v} GuzzleHttp/7", "vendor"),
    ("python_requests", "python-requests/2.32.{v}", "fixed"),
    ("curl", "curl/8.9.{v}", "fixed"),
    ("go", "Go-http-client/2.{v}", "fixed"),
    ("headless", f"Mozilla/5.0 (X11; Linux x86_64) {_KHTML} HeadlessChrome/{{v}}.0.0.0 Safari/537.36", "chrome"),
    ("none", "-", "fixed"),
    ("monitor", "Mozilla/5.0 (compatible; UptimeProbe/1.{v})", "fixed"),
    ("scanner", "Mozilla/5.0 zgrab/0.{v}", "fixed"),
)  # fmt: skip
INDEX: Final = {row[0]: number for number, row in enumerate(FAMILIES)}
WORK: Final = tuple(
    INDEX[name] for name in ("chrome_windows", "edge_windows", "firefox_windows", "chrome_mac", "safari_mac")
)
WORK_SHARE: Final = (0.47, 0.26, 0.13, 0.07, 0.07)
PHONE: Final = (INDEX["safari_iphone"], INDEX["chrome_android"])
VENDOR: Final = tuple(INDEX[name] for name in ("vendor_java", "vendor_dotnet", "vendor_php"))
SCRIPTS: Final = tuple(INDEX[name] for name in ("python_requests", "curl", "go", "headless", "none"))
_STEP: Final = 4096


def _days(anchor: date) -> int:
    return (anchor - date(1970, 1, 1)).days


def at(family: Ints, seconds: Ints, lag_days: Ints | int) -> Ints:
    """Return the client (family and version in one number) of each request made at Unix `seconds`."""
    day = seconds // _DAY_S - lag_days
    follows = np.array([("fixed", "chrome", "firefox", "apple", "vendor").index(row[2]) for row in FAMILIES])[family]
    version = np.select(
        [follows == 1, follows == 2, follows == 3, follows == 4],
        [
            CHROME_ANCHOR[1] + (day - _days(CHROME_ANCHOR[0])) // 28,
            FIREFOX_ANCHOR[1] + (day - _days(FIREFOX_ANCHOR[0])) // 28,
            1 + (day - _days(date(2025, 11, 3))) // 75,
            1 + (day - _days(date(2025, 6, 1))) // 180,
        ],
        3,
    )
    return np.asarray(family * _STEP + np.clip(version, 0, _STEP - 1), np.int64)


def agent(client: int) -> str:
    """Write a client as its `User-Agent` header."""
    return FAMILIES[client // _STEP][1].format(v=client % _STEP)
