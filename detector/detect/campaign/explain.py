"""Put a campaign into words and numbers: the accounts it uses, what they share, and what is usual."""

from typing import Any, Final

import polars as pl

from detector.context.day import ACCOUNT
from detector.detect.campaign.newcomers import Newcomers
from detector.detect.campaign.raised import Campaign
from detector.detect.campaign.visits import KINDS, SEQUENCE
from detector.language import Words

MODEL: Final = "account_campaign"
VERSION: Final = "1"
TECHNIQUES: Final = ["T1078", "T1213"]
"""Valid Accounts; Data from Information Repositories. Source: MITRE ATT&CK Enterprise v17."""
TACTICS: Final = ["TA0001", "TA0009"]

MANY: Final = 10
"""Accounts from which a campaign is critical: no misfortune of colleagues, and too many to ask one by one."""


def signal(
    campaign: Campaign, turn: dict[str, Any], theirs: pl.DataFrame, names: list[str], model: Newcomers,
    said: dict[str, Any] | None, words: Words,
) -> dict[str, Any]:  # fmt: skip
    """Return the signal of a campaign's turn, which is the first to name `names`; `theirs` are its key's PAIRS.

    `said` is its signal of the same moment, by another of its keys: the names are put together.
    """
    reasons = _reasons(turn, model, words)
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
        "signal.text": _sentence(campaign, reasons, words),
        "portal.reasons": reasons,
    }


def _reasons(turn: dict[str, Any], model: Newcomers, words: Words) -> list[dict[str, Any]]:
    """Return what is odd about the newcomers of a turn's key, the most surprising first."""
    kind, days = KINDS[turn["kind"]], model.days
    shared = "" if turn["kind"] == SEQUENCE else words.say(f"shared.{kind}", value=turn["value"])
    crowd, usual = model.crowd(turn["newcomers"], turn["population"])
    told = {"shared": shared, "newcomers": turn["newcomers"]}
    if model.telling:
        return [_reason("campaign_sequence", "sequence", turn["newcomers"], usual, crowd, days, told, words)]
    odd, count, expected = model.oddest(turn)
    reasons = [
        _reason(f"campaign_{kind}", "odd", count, expected, odd, days, told, words),
        _reason(f"newcomers_{kind}", "crowd", turn["newcomers"], usual, crowd, days, told, words),
    ]
    persons = _reason("campaign_looks", "persons", turn["looked"], None, None, days, told, words)
    return [one for one in reasons if one["surprise"] > 0] + [persons]


def _reason(
    feature: str, key: str, observed: float, expected: float | None, surprise: float | None, days: int,
    told: dict[str, Any], words: Words,
) -> dict[str, Any]:  # fmt: skip
    return {
        "feature": feature,
        "observed": float(observed),
        "expected": None if expected is None else round(expected, 2),
        "unit": words.say("unit.look_ups" if key == "persons" else "unit.accounts"),
        "surprise": None if surprise is None else round(min(surprise, 300.0), 2),
        "history_days": days,
        "baseline": "peers",
        "text": words.say(f"campaign.{key}", observed=observed, expected=expected, **told),
    }


def _sentence(campaign: Campaign, reasons: list[dict[str, Any]], words: Words) -> str:
    named = ", ".join(campaign.accounts[:5])
    named = words.say("campaign.others", named=named) if len(campaign.accounts) > 5 else named
    told = words.clauses(one["text"] for one in reasons)
    return words.say("campaign.sentence", accounts=len(campaign.accounts), named=named, reasons=told)
