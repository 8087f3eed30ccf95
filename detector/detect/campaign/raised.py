"""Remember the campaigns that were found: a key that joins later, and shares their accounts, is one of theirs."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final

LASTS_DAYS: Final = 7
"""Days after its last new account for which a campaign is remembered."""

MOST: Final = 200
"""Campaigns remembered at once; of more, those that were quiet longest are dropped."""


@dataclass(slots=True)
class Campaign:
    """Accounts used together: `name` is the key it was first seen by, `address` its source, where that is one."""

    name: str
    address: str | None
    keys: list[int]
    accounts: list[str]
    last: int
    persons: int = 0

    def shares(self, accounts: Collection[str]) -> bool:
        """Say whether half of the accounts, of those or of its own, are the same."""
        return 2 * len(set(accounts) & set(self.accounts)) >= min(len(accounts), len(self.accounts))


class Raised:
    """The campaigns of the last days."""

    def __init__(self) -> None:
        self.campaigns: list[Campaign] = []

    @property
    def keys(self) -> list[int]:
        """Every key of every campaign."""
        return [key for campaign in self.campaigns for key in campaign.keys]

    def of_day(self, ordinal: int) -> set[str]:
        """Return the accounts of campaigns that were at work on a day."""
        return {account for campaign in self.campaigns if campaign.last == ordinal for account in campaign.accounts}

    def at(self, key: int) -> Campaign | None:
        """Return the campaign that a key belongs to."""
        return next((campaign for campaign in self.campaigns if key in campaign.keys), None)

    def add(self, key: int, name: str, address: str | None, accounts: Collection[str], ordinal: int) -> Campaign:
        """Return the campaign of a key: the one it belongs to, one whose accounts it shares, or a new one."""
        known = self.at(key) or next((one for one in self.campaigns if one.shares(accounts)), None)
        if known is None:
            known = Campaign(name=name, address=address, keys=[], accounts=[], last=ordinal)
            self.campaigns.append(known)
        if key not in known.keys:
            known.keys.append(key)
        return known

    def forget(self, ordinal: int) -> None:
        """Let go of campaigns that have been quiet, and of the quietest of too many."""
        kept = [one for one in self.campaigns if one.last > ordinal - LASTS_DAYS]
        self.campaigns = sorted(kept, key=lambda one: one.last)[-MOST:]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        return {"campaign.raised": json.dumps([asdict(one) for one in self.campaigns]).encode()}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.campaigns = [Campaign(**told) for told in json.loads(saved["campaign.raised"])]
