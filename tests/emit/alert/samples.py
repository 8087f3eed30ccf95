"""Alerts to write: those of every turn and shape, those that hold more than fits, those that an attacker worded."""

import functools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from detector.emit.alert import Alert, Reason, render
from detector.emit.incident import Incidents
from detector.schema import LEVELS
from tests.emit.signals import CONFIG, NOON, at, frame, signal

WRITTEN = datetime(2026, 3, 9, 8, tzinfo=UTC)

REASON = {
    "feature": "records_per_h",
    "observed": 240.0,
    "expected": 11.5,
    "unit": "records/h",
    "surprise": 14.2,
    "history_days": 21,
    "baseline": "account",
    "text": "240 records in an hour, usually 11.5",
}


@functools.cache
def alerts() -> list[Alert]:
    rows = [
        signal(0, portal__reasons=[REASON], portal__network="AS3215", source__geo__country_iso_code="FR"),
        signal(1, level="critical", signal__kind="model", rule__id="volume", portal__client="curl"),
        signal(2, None, source__ip="2001:db8::9", related__user=["u4", "u5"]),
        signal(3, None, source__ip="printer.example", related__user=["u6"]),
        signal(4, None, source__ip=None, signal__key="portal.network=AS64500"),
        signal(5, 'u"\x1b[31m<b>&\u202e', related__ip=["fe80::1%eth0", "192.0.2.8"]),
    ]
    return Incidents(CONFIG).admit(frame(*rows), lambda *_: 17, at(60 * 24))


def example() -> Alert:
    """Return the alert that the page on formats shows: a phished account, as the models tell of it."""
    new = {"expected": 0.05, "surprise": 4.87, "history_days": 21, "baseline": "account"}
    reasons = [
        REASON,
        new | {"feature": "unfamiliar_day", "observed": 5.0, "unit": "records in a day",
               "text": "5 records from a place or client new to the account, usually 0"},
        new | {"feature": "network", "observed": 1.0, "unit": "share of days",
               "text": "network AS64500 is new to this account"},
    ]  # fmt: skip
    one = signal(
        0,
        "ph600005",
        signal__kind="model",
        signal__start=at(-7),
        signal__text="Account ph600005 from 203.0.113.66 (AS64500, FI): " + "; ".join(each["text"] for each in reasons),
        rule__id="account_behaviour",
        rule__name="Unusual behaviour of an account",
        source__ip="203.0.113.66",
        source__geo__country_iso_code="FI",
        portal__network="AS64500",
        portal__client="Firefox/Windows",
        threat__technique__id=["T1078", "T1213"],
        threat__tactic__id=["TA0001", "TA0009"],
        portal__reasons=reasons,
    )
    (opened,) = Incidents(CONFIG).admit(frame(one), lambda *_: 212, None)
    return opened


def huge(letter: str = "é") -> Alert:
    """Return an alert of 500 users and addresses with long names, and 200 reasons."""
    names = tuple(f"{letter * 60}{number}" for number in range(500))
    reasons = tuple(
        Reason(**{**REASON, "feature": f"{letter * 20}{number}", "text": letter * 400})  # type: ignore[arg-type]
        for number in range(200)
    )
    ips = (*(f"2001:db8::{number:x}" for number in range(400)), *(f"{letter}{number}" for number in range(100)))
    return replace(alerts()[0], users=names, account=names[0], ips=ips, reasons=reasons, message=letter * 5000)


def document(form: str, alert: Alert) -> dict[str, Any]:
    """Return what a receiver of a JSON format reads."""
    read: dict[str, Any] = json.loads(render(form, alert, WRITTEN))
    return read


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return leaves


_SPITE = ["|", "=", "\\", "\n", "\r\n", "\t", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\u200f", "\ufeff",
          '"', ",", ";", "'", " src=203.0.113.9", "\tusrName=root", "\\n", "cs1=", "CEF:0|", "LEEF:2.0|", "é", "文",
          "\U0001f600", "\U000e0001", " ", "a", "}", "\ud7ff"]  # fmt: skip

words = st.lists(st.sampled_from(_SPITE) | st.text(min_size=1, max_size=3), min_size=1, max_size=12).map("".join)
"""What a user agent, an account name or a path may hold."""

_long = words | st.builds(lambda word, times: word * times, words, st.integers(1, 400))
_ips = st.sampled_from(["192.0.2.7", "2001:db8::9", "fe80::1%eth0", "::ffff:192.0.2.1", "1.2.3.4.5", "-"]) | words
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_reasons = st.builds(
    Reason,
    feature=_long,
    observed=st.none() | _numbers,
    expected=st.none() | _numbers,
    unit=st.none() | words,
    surprise=st.none() | _numbers,
    history_days=st.none() | st.integers(0, 400),
    baseline=st.sampled_from([None, "account", "peers"]),
    text=_long,
)
_moments = st.integers(0, 10**9).map(lambda ms: NOON + timedelta(milliseconds=ms))


def _tuples(of: st.SearchStrategy[Any], most: int = 8) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=most).map(tuple)


hostile = st.builds(
    Alert,
    id=st.just("0997b57ab5e9af919f22589ae70373a4"),
    timestamp=_moments,
    start=_moments,
    end=_moments,
    level=st.sampled_from(LEVELS),
    risk=st.floats(0, 100),
    rule_id=words,
    rule_name=_long,
    rule_category=st.sampled_from(["rule", "model"]),
    rule_version=words,
    account=st.none() | _long,
    users=_tuples(_long),
    source_ip=st.none() | _ips,
    ips=_tuples(_ips),
    techniques=_tuples(st.sampled_from(["T1078", "T1090.003"]), 2),
    tactics=_tuples(st.sampled_from(["TA0001", "TA0009"]), 2),
    country=st.sampled_from([None, "FR"]),
    network=st.sampled_from([None, "AS3215", "ASx", "AS99999999999", "192.0.0.0/16"]) | words,
    client=st.none() | _long,
    message=_long,
    next_step=_long,
    incident_id=st.just("72d15f6a4b9b3d478495"),
    state=st.sampled_from(["opened", "escalated", "closed"]),
    related_incidents=_tuples(st.just("78d6003f683d46b3becf"), 2),
    reasons=_tuples(_reasons, 14),
    signals_count=st.integers(0, 2**31),
    subjects_count=st.integers(0, 10**6),
)
"""Alerts in which every text of a log is an attacker's."""
