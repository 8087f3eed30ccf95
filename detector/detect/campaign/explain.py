"""Put a campaign into words and numbers: the accounts it uses, what they share, and what is usual."""

from typing import Any, Final

import polars as pl

from detector.context.day import ACCOUNT
from detector.detect.campaign.newcomers import Newcomers
from detector.detect.campaign.raised import Campaign
from detector.detect.campaign.visits import KINDS

MODEL: Final = "account_campaign"
VERSION: Final = "1"
TECHNIQUES: Final = ["T1078", "T1213"]
"""Valid Accounts; Data from Information Repositories. Source: MITRE ATT&CK Enterprise v17."""
TACTICS: Final = ["TA0001", "TA0009"]

MANY: Final = 10
"""Accounts from which a campaign is critical: no misfortune of colleagues, and too many to ask one by one."""

SHARED: Final = {
    "source": "from address {value}",
    "subnet": "from the addresses {value}",
    "network": "from network {value}",
    "client": "with client {value}",
    "version": "with client {value}",
}
ODD_TEXT: Final = (
    "{observed:.0f} of {newcomers} accounts new {shared} look up persons unlike their own clientele,"
    " usually {expected:.1f} of as many"
)
CROWD_TEXT: Final = "{observed:.0f} accounts new in a day {shared}, usually {expected:.1f}"
SEQUENCE_TEXT: Final = (
    "{observed:.0f} accounts asked for numbers of one hundred that do not exist, usually {expected:.1f}"
)
PERSONS_TEXT: Final = (
    "{observed:.0f} look-ups of insured persons {shared} by accounts that are new there, in the day so far"
)


def signal(
    campaign: Campaign, turn: dict[str, Any], theirs: pl.DataFrame, names: list[str], model: Newcomers,
    said: dict[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the signal of a campaign's turn, which is the first to name `names`; `theirs` are its key's PAIRS.

    `said` is its signal of the same moment, by another of its keys: the names are put together.
    """
    reasons = _reasons(turn, model)
    many = len(campaign.accounts) >= MANY
    before = said or {"related.user": [], "related.ip": []}
    addresses = [*before["related.ip"], *theirs.filter(pl.col(ACCOUNT).is_in(names))["source.ip"].drop_nulls()]
    return {
        "@timestamp": turn["@timestamp"],
        "signal.start": theirs.get_column("first").min(),
        "signal.kind": "model",
        "rule.id": MODEL,
        "rule.name": "Accounts abused together",
        "rule.version": VERSION,
        "rule.level": "critical" if many else "high",
        "signal.key": campaign.name,
        "signal.risk": 99.0 if many else 73.0,
        ACCOUNT: None,
        "source.ip": campaign.address,
        "related.user": [*before["related.user"], *names],
        "related.ip": list(dict.fromkeys(addresses)),
        "threat.technique.id": TECHNIQUES,
        "threat.tactic.id": TACTICS,
        "portal.network": turn["portal.network"] if KINDS[turn["kind"]] in ("source", "subnet", "network") else None,
        "portal.client": turn["portal.client"] if KINDS[turn["kind"]] in ("client", "version") else None,
        "source.geo.country_iso_code": turn["source.geo.country_iso_code"] if KINDS[turn["kind"]] == "source" else None,
        "signal.count": len(campaign.accounts),
        "signal.text": _sentence(campaign, reasons),
        "portal.reasons": reasons,
    }


def _reasons(turn: dict[str, Any], model: Newcomers) -> list[dict[str, Any]]:
    """Return what is odd about the newcomers of a turn's key, the most surprising first."""
    kind, days = KINDS[turn["kind"]], model.days
    shared = SHARED.get(kind, "").format(value=turn["value"])
    told = {"shared": shared, "newcomers": turn["newcomers"]}
    crowd, usual = model.crowd(turn["newcomers"], turn["population"])
    if model.telling:
        return [_reason("campaign_sequence", turn["newcomers"], usual, "accounts", crowd, days, SEQUENCE_TEXT, told)]
    odd, count, expected = model.oddest(turn)
    reasons = [
        _reason(f"campaign_{kind}", count, expected, "accounts", odd, days, ODD_TEXT, told),
        _reason(f"newcomers_{kind}", turn["newcomers"], usual, "accounts", crowd, days, CROWD_TEXT, told),
    ]
    persons = _reason("campaign_looks", turn["looked"], None, "look-ups", None, days, PERSONS_TEXT, told)
    return [one for one in reasons if one["surprise"] > 0] + [persons]


def _reason(
    feature: str, observed: float, expected: float | None, unit: str, surprise: float | None, days: int, text: str,
    told: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    return {
        "feature": feature,
        "observed": float(observed),
        "expected": None if expected is None else round(expected, 2),
        "unit": unit,
        "surprise": None if surprise is None else round(min(surprise, 300.0), 2),
        "history_days": days,
        "baseline": "peers",
        "text": text.format(observed=observed, expected=expected, **told),
    }


def _sentence(campaign: Campaign, reasons: list[dict[str, Any]]) -> str:
    named = ", ".join(campaign.accounts[:5]) + (" and others" if len(campaign.accounts) > 5 else "")
    return f"{len(campaign.accounts)} accounts abused together ({named}): " + "; ".join(one["text"] for one in reasons)
