"""Put a score into words and numbers: each point over the threshold becomes a signal with its reasons."""

from datetime import datetime
from typing import Any

import polars as pl

from detector import schema
from detector.context import frames
from detector.context.day import ACCOUNT, TRAITS, Day
from detector.detect.baseline import Baselines
from detector.detect.models.account import AccountModels
from detector.detect.models.features import AREAS, CLAIMS, CLIENTELE, COUNTS, HOUR, SILENCE, TRAIT_FEATURES, Feature
from detector.detect.models.peers import PRIOR_DAYS
from detector.language import Words

MODEL = "account_behaviour"
VERSION = "1"
TECHNIQUES = ["T1078", "T1213"]
"""Valid Accounts; Data from Information Repositories. Source: MITRE ATT&CK Enterprise v17."""
TACTICS = ["TA0001", "TA0009"]
LEAST = 0.7
"""Reasons below this surprise (one day in five) would only distract."""


def signals(raised: pl.DataFrame, baselines: Baselines, day: Day, words: Words) -> pl.DataFrame:
    """Turn the points that passed a threshold into signals. Loops once a signal.

    Shapes: rows of `score.steps` -> SIGNAL, the same number of rows.
    """
    if raised.is_empty():
        return schema.empty(schema.SIGNAL)
    names = raised.get_column(ACCOUNT)
    places = day.carry(names).places.join(
        frames.among(baselines.novelty, ACCOUNT, names), on=[ACCOUNT, *TRAITS], nulls_equal=True
    )
    return pl.DataFrame([_signal(row, baselines, places, words) for row in raised.to_dicts()], schema=schema.SIGNAL)


def _signal(row: dict[str, Any], baselines: Baselines, places: pl.DataFrame, words: Words) -> dict[str, Any]:
    account, moment = row[ACCOUNT], row["@timestamp"]
    mine = places.filter((pl.col(ACCOUNT) == account) & (pl.col("first") <= moment))
    reasons = sorted(
        _counts(row, baselines, words) + _clientele(row, baselines, words) + _places(row, mine, baselines, words),
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
        "signal.text": _sentence(account, row, reasons, words),
        "portal.reasons": reasons,
    }


def _counts(row: dict[str, Any], baselines: Baselines, words: Words) -> list[dict[str, Any]]:
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
            "unit": words.say(f"unit.{feature.name}"),
            "surprise": round(min(surprise, 300.0), 2),
            "history_days": expected.days,
            "baseline": expected.baseline,
            "text": words.say(f"reason.{feature.name}", observed=observed, expected=expected.mean),
        }
    return list(best.values())


def _clientele(row: dict[str, Any], baselines: Baselines, words: Words) -> list[dict[str, Any]]:
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
            "unit": words.say(f"unit.{feature.name}"),
            "surprise": round(row["surprise.clientele"], 2),
            "history_days": own.days if own else 0,
            "baseline": "account" if own and own.days >= PRIOR_DAYS else "peers",
            "text": words.say(f"reason.{feature.name}", hits=hits, tries=tries, expected=expected),
        }
        for feature, hits, tries, expected in shares
        if tries and expected is not None and hits / tries > expected
    ]
    return sorted(told, key=lambda one: one["expected"] / one["observed"])[:1]


def _places(row: dict[str, Any], mine: pl.DataFrame, baselines: Baselines, words: Words) -> list[dict[str, Any]]:
    own = baselines.accounts.get(row[ACCOUNT])
    days = own.days if own else 0
    reasons = []
    for trait, feature in TRAIT_FEATURES.items():
        surprise = row[feature.name] or 0.0
        if surprise < LEAST:
            continue
        value = mine.sort(feature.name, "first", descending=[True, False]).get_column(trait).item(0)
        share = own.traits[trait].values.get(value, 0.0) / max(own.traits[trait].days, 1.0) if own else 0.0
        known = words.say("known.rare" if share > 0 else "known.new")
        text = words.say(f"reason.{feature.name}", value=value, known=known)
        reasons.append(_share(feature, share, surprise, days, text, words))
    if row[HOUR.name] >= LEAST:
        share = own.rhythm.share(int(row["hour_of_week"])) if own else 0.0
        reasons.append(_share(HOUR, share, row[HOUR.name], days, words.say("reason.hour"), words))
    if own and row[SILENCE.name] >= LEAST:
        reasons.append(_silence(own, row, words))
    return reasons


def _silence(own: AccountModels, row: dict[str, Any], words: Words) -> dict[str, Any]:
    observed, usual = row["silent_days"], (own.last - own.since + 1) / own.days
    text = words.say("reason.silence", observed=observed, expected=usual)
    told = _share(SILENCE, 0.0, row[SILENCE.name], own.days, text, words)
    return told | {"observed": observed, "expected": round(usual, 2)}


def _share(feature: Feature, share: float, surprise: float, days: int, text: str, words: Words) -> dict[str, Any]:
    return {
        "feature": feature.name,
        "observed": 1.0,
        "expected": round(min(share, 1.0), 4),
        "unit": words.say(f"unit.{feature.name}"),
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


def _sentence(account: str, row: dict[str, Any], reasons: list[dict[str, Any]], words: Words) -> str:
    profession = f" ({row['portal.profession']})" if row["portal.profession"] else ""
    address = row["source.ip"]
    place = ", ".join(str(row[name]) for name in ("portal.network", "source.geo.country_iso_code") if row[name])
    where = words.say("model.where_at" if place else "model.where", address=address, place=place) if address else ""
    told = words.clauses(one["text"] for one in reasons[:4])
    return words.say("model.sentence", account=account, profession=profession, where=where, reasons=told)
