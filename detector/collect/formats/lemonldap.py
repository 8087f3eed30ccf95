"""Read LemonLDAP::NG's user log, from syslog."""

from typing import Final

import polars as pl

from detector.collect.formats.shape import Pattern

_HEAD: Final = (
    r"^(?:<\d{1,3}>)?(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) \S+ "
    r"(?:LLNG|[Ll]emonldap\S*?)(?:\[\d+\])?: (?:\[\w+\] |Lemonldap::NG : )?(?P<message>.*)$"
)
_ADDRESS: Final = r" \((?P<ip>[^()\s]*)\)$"

MESSAGES: Final = (
    ("bad_password", "failure", r"^Bad password for (?P<user>.+)" + _ADDRESS),
    ("user_not_found", "failure", r"^(?P<user>.+) was not found in (?:LDAP directory|\w+ database|DBI)" + _ADDRESS),
    ("all_schemes_failed", "failure", r"^All schemes failed for user (?P<user>.+)" + _ADDRESS),
    ("session_granted", "success", r"^Session granted for (?P<user>.+) by \S+" + _ADDRESS),
    ("session_granted", "success", r"^User (?P<user>.+) connected from \S+" + _ADDRESS),
    ("logout", "success", r"^User (?P<user>.+) has been disconnected from \S+" + _ADDRESS),
    ("password_changed", "success", r"^Password changed for (?P<user>.+)" + _ADDRESS),
)
"""Action, outcome and text. Source: LemonLDAP::NG documentation, "Logs", samples of the user log.

The address stands at the very end, behind the name that a client typed: what a name may hold cannot forge it.
"""


def shapes() -> tuple[Pattern, ...]:
    """Return the shapes of LemonLDAP::NG's messages. Its stamps have no year: see `TimeSetting.reference`."""
    return tuple(
        Pattern(
            name="lemonldap",
            regex=_HEAD.replace("(?P<message>.*)$", regex.removeprefix("^")),
            fields={
                "source.ip": pl.col("ip"),
                "user.name": pl.col("user"),
                "event.action": pl.lit(action),
                "event.outcome": pl.lit(outcome),
                "error.message": pl.lit(action.replace("_", " ") if outcome == "failure" else None, pl.String),
            },
            kinds=("iso", "syslog"),
        )
        for action, outcome, regex in MESSAGES
    )
