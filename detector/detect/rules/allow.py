"""Leave out what the configuration allows, before anything is counted, and note what was left out by reason."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from datetime import time as midnight
from ipaddress import ip_network
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from detector import config
from detector.detect.rules.batch import Batch
from detector.detect.rules.express import express
from detector.detect.rules.keys import Mask
from detector.detect.rules.muted import Muted
from detector.detect.rules.predicate import Leaf
from detector.detect.rules.spec import Rule


class Allowance:
    """One entry of `config.allow`: whose events, for which rules, until the end of which local day."""

    def __init__(self, entry: config.Allow, rules: Sequence[Rule], zone: ZoneInfo) -> None:
        self.reason = entry.reason
        names = set(entry.rules)
        self.every_rule = not names
        self.keys = frozenset(rule.key for rule in rules if names & {rule.key, rule.id, rule.name, rule.title})
        self.until_us = end_us(entry.until, zone)
        self._who = _who(entry)

    @property
    def matters(self) -> bool:
        """Whether any rule is meant; an entry may name models only."""
        return self.every_rule or bool(self.keys)

    def hidden(self, batch: Batch) -> Mask | None:
        """Mark the rows of a batch that are allowed; None if there are none."""
        if not len(batch.time) or int(batch.time.min()) >= self.until_us:
            return None
        mask: Mask = batch.time < self.until_us
        if self._who is not None:
            mask = mask & batch.events.select(self._who).to_series().to_numpy()
        return mask if mask.any() else None


def end_us(day: date, zone: ZoneInfo) -> int:
    """Give the moment at which a local day ends."""
    end = datetime.combine(day, midnight.min, zone) + timedelta(days=1)
    return int(end.timestamp()) * 1_000_000


def _who(entry: config.Allow) -> pl.Expr | None:
    parts: list[pl.Expr] = []
    if entry.accounts:
        parts.append(pl.col("user.name").is_in(list(entry.accounts)).fill_null(False))
    if entry.networks:
        networks = tuple(str(ip_network(network)) for network in entry.networks)
        leaf = Leaf(column="source.ip", kind="cidr", values=networks)
        parts.append(express(leaf, pl.col("source.ip"), pl.String()))
    return pl.all_horizontal(parts) if parts else None


def read(rule: Rule, batch: Batch) -> Mask:
    """Mark the rows that a correlation counts."""
    rows = np.zeros(batch.events.height, dtype=np.bool_)
    for ref in rule.correlation.refs if rule.correlation else ():
        rows[batch.matched[ref]] = True
    return rows


class Allowances:
    """All entries, worked out for one batch at a time; `muted` is told of the rows that a rule would have seen."""

    def __init__(self, entries: Sequence[config.Allow], rules: Sequence[Rule], zone: ZoneInfo, muted: Muted) -> None:
        found = [Allowance(entry, rules, zone) for entry in entries]
        self.entries = [one for one in found if one.matters]
        self.muted = muted
        self._masks: list[tuple[Allowance, Mask]] = []

    def look(self, batch: Batch) -> None:
        """Work out whom the entries mean in this batch."""
        masks = ((entry, entry.hidden(batch)) for entry in self.entries)
        self._masks = [(entry, mask) for entry, mask in masks if mask is not None]

    def kept(self, rule: Rule, batch: Batch, truth: Mask) -> Mask:
        """Take the allowed rows out of what a single-event rule matched, and note them."""
        for entry, mask in self._masks:
            if entry.every_rule or rule.key in entry.keys:
                self.muted.note(entry.reason, rule, batch, truth & mask)
                truth = truth & ~mask
        return truth

    def hidden(self, rule: Rule, batch: Batch) -> Mask | None:
        """Mark the rows that a correlation named by an entry must not read, and note those it would have."""
        hidden: Mask | None = None
        for entry, mask in self._masks:
            if rule.key in entry.keys:
                self.muted.note(entry.reason, rule, batch, mask & read(rule, batch))
                hidden = mask if hidden is None else hidden | mask
        return hidden
