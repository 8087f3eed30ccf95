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

    def near(self, accounts: Collection[str]) -> Campaign | None:
        """Return a campaign that shares these accounts."""
        return next((campaign for campaign in self.campaigns if campaign.shares(accounts)), None)

    def add(self, campaign: Campaign) -> Campaign:
        """Begin a campaign."""
        self.campaigns.append(campaign)
        return campaign

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
