"""Put a score into words and numbers: each point over the threshold becomes a signal with its reasons."""

from datetime import datetime
from typing import Any

import polars as pl

from detector import schema
from detector.context.day import ACCOUNT, TRAITS, Day
from detector.detect.baseline import Baselines
from detector.detect.models.account import AccountModels
from detector.detect.models.features import AREAS, CLAIMS, CLIENTELE, COUNTS, HOUR, SILENCE, TRAIT_FEATURES
from detector.detect.models.peers import PRIOR_DAYS

MODEL = "account_behaviour"
VERSION = "1"
TECHNIQUES = ["T1078", "T1213"]
"""Valid Accounts; Data from Information Repositories. Source: MITRE ATT&CK Enterprise v17."""
TACTICS = ["TA0001", "TA0009"]
LEAST = 0.7
"""Reasons below this surprise (one day in five) would only distract."""


def signals(raised: pl.DataFrame, baselines: Baselines, day: Day) -> pl.DataFrame:
    """Turn the points that passed a threshold into signals. Loops once a signal.

    Shapes: rows of `score.steps` -> SIGNAL, the same number of rows.
    """
    if raised.is_empty():
        return schema.empty(schema.SIGNAL)
    places = day.places.join(baselines.novelty, on=[ACCOUNT, *TRAITS], nulls_equal=True)
    return pl.DataFrame([_signal(row, baselines, places) for row in raised.to_dicts()], schema=schema.SIGNAL)


def _signal(row: dict[str, Any], baselines: Baselines, places: pl.DataFrame) -> dict[str, Any]:
    account, moment = row[ACCOUNT], row["@timestamp"]
    mine = places.filter((pl.col(ACCOUNT) == account) & (pl.col("first") <= moment))
    reasons = sorted(
        _counts(row, baselines) + _clientele(row, baselines) + _places(row, mine, baselines),
        key=lambda one: -one["surprise"],
    )
    return {
        "@timestamp": moment,
        "signal.start": _start(mine, moment),
        "signal.kind": "model",
        "rule.id": MODEL,
        "rule.name": "Unusual behaviour of an account",
        "rule.version": VERSION,
        "rule.level": "high" if row["step"] == 1 else "critical",
        "signal.key": f"{ACCOUNT}={account}",
        "signal.risk": 73.0 if row["step"] == 1 else min(99.0, 73.0 + 13.0 * (row["step"] - 1)),
        ACCOUNT: account,
        "source.ip": row["source.ip"],
        "related.user": [account],
        "related.ip": [row["source.ip"]] if row["source.ip"] else [],
        "threat.technique.id": TECHNIQUES,
        "threat.tactic.id": TACTICS,
        "portal.network": row["portal.network"],
        "portal.client": row["portal.client"],
        "source.geo.country_iso_code": row["source.geo.country_iso_code"],
        "signal.count": int(row["records_day"]),
        "signal.text": _sentence(account, row, reasons),
        "portal.reasons": reasons,
    }


def _counts(row: dict[str, Any], baselines: Baselines) -> list[dict[str, Any]]:
    """Return the reasons among the counts: of each family the most surprising one."""
    best: dict[str, dict[str, Any]] = {}
    for feature in COUNTS:
        surprise = row[f"surprise.{feature.name}"]
        expected = baselines.expectation(row[ACCOUNT], feature.name)
        if surprise < LEAST or expected is None or surprise <= best.get(feature.family, {"surprise": 0.0})["surprise"]:
            continue
        observed = float(row[feature.name])
        best[feature.family] = {
            "feature": feature.name,
            "observed": observed,
            "expected": round(expected.mean, 2),
            "unit": feature.unit,
            "surprise": round(min(surprise, 300.0), 2),
            "history_days": expected.days,
            "baseline": expected.baseline,
            "text": feature.text.format(observed=observed, expected=expected.mean),
        }
    return list(best.values())


def _clientele(row: dict[str, Any], baselines: Baselines) -> list[dict[str, Any]]:
    """Return in what the persons looked up differ most from the account's own: new, from elsewhere, or unbilled."""
    if row["surprise.clientele"] < LEAST:
        return []
    own, peers = baselines.accounts.get(row[ACCOUNT]), baselines.cohort(row[ACCOUNT]).clientele
    habit = (own or AccountModels()).clientele
    shares = (
        (CLIENTELE, row["strangers"], row["looks"], habit.new_share(peers)),
        (AREAS, row["outside"], row["placed"], 1 - habit.local_share),
        (CLAIMS, row["lacking"], row["ended"], habit.bare_share(peers)),
    )
    told = [
        {
            "feature": feature.name,
            "observed": round(hits / tries, 4),
            "expected": round(expected, 4),
            "unit": feature.unit,
            "surprise": round(row["surprise.clientele"], 2),
            "history_days": own.days if own else 0,
            "baseline": "account" if own and own.days >= PRIOR_DAYS else "peers",
            "text": feature.text.format(hits=hits, tries=tries, expected=expected),
        }
        for feature, hits, tries, expected in shares
        if tries and expected is not None and hits / tries > expected
    ]
    return sorted(told, key=lambda one: one["expected"] / one["observed"])[:1]


def _places(row: dict[str, Any], mine: pl.DataFrame, baselines: Baselines) -> list[dict[str, Any]]:
    own = baselines.accounts.get(row[ACCOUNT])
    days = own.days if own else 0
    reasons = []
    for trait, feature in TRAIT_FEATURES.items():
        surprise = row[feature.name] or 0.0
        if surprise < LEAST:
            continue
        value = mine.sort(feature.name, "first", descending=[True, False]).get_column(trait).item(0)
        share = own.traits[trait].values.get(value, 0.0) / max(own.traits[trait].days, 1.0) if own else 0.0
        known = "rare for this account" if share > 0 else "new to this account"
        text = feature.text.format(value=value, known=known)
        reasons.append(_share(feature.name, feature.unit, share, surprise, days, text))
    if row[HOUR.name] >= LEAST:
        share = own.rhythm.share(int(row["hour_of_week"])) if own else 0.0
        reasons.append(_share(HOUR.name, HOUR.unit, share, row[HOUR.name], days, HOUR.text))
    if own and row[SILENCE.name] >= LEAST:
        reasons.append(_silence(own, row))
    return reasons


def _silence(own: AccountModels, row: dict[str, Any]) -> dict[str, Any]:
    observed, usual = row["silent_days"], (own.last - own.since + 1) / own.days
    told = _share(SILENCE.name, SILENCE.unit, 0.0, row[SILENCE.name], own.days, "")
    text = SILENCE.text.format(observed=observed, expected=usual)
    return told | {"observed": observed, "expected": round(usual, 2), "text": text}


def _share(name: str, unit: str, share: float, surprise: float, days: int, text: str) -> dict[str, Any]:
    return {
        "feature": name,
        "observed": 1.0,
        "expected": round(min(share, 1.0), 4),
        "unit": unit,
        "surprise": round(surprise, 2),
        "history_days": days,
        "baseline": "account",
        "text": text,
    }


def _start(mine: pl.DataFrame, moment: datetime) -> datetime:
    """Return when the evidence began: the first use of the unfamiliar place, else the account's day."""
    odd = mine.filter("unfamiliar")
    first = (odd if not odd.is_empty() else mine).get_column("first").min()
    return first if isinstance(first, datetime) else moment


def _sentence(account: str, row: dict[str, Any], reasons: list[dict[str, Any]]) -> str:
    profession = f" ({row['portal.profession']})" if row["portal.profession"] else ""
    place = ", ".join(str(row[name]) for name in ("portal.network", "source.geo.country_iso_code") if row[name])
    where = f" from {row['source.ip']}" + (f" ({place})" if place else "") if row["source.ip"] else ""
    return f"Account {account}{profession}{where}: " + "; ".join(one["text"] for one in reasons[:4])
