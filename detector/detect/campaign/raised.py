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
    """Accounts used together: `name` is the key it was first seen by, `address` its source, where that is one.

    `chain`: they try numbers in sequence, and so pass from one hundred to the next.
    """

    name: str
    address: str | None
    keys: list[int]
    accounts: list[str]
    last: int
    chain: bool = False

    def shares(self, accounts: Collection[str]) -> bool:
        """Say whether half of the accounts, of those or of its own, are the same."""
        return 2 * len(set(accounts) & set(self.accounts)) >= min(len(accounts), len(self.accounts))


class Raised:
    """The campaigns of the last days."""

    def __init__(self) -> None:
        self.campaigns: list[Campaign] = []
        self.today: set[int] = set()
        """The keys that were found today: whoever is odd there is named at once."""

    def of_day(self, ordinal: int) -> set[str]:
        """Return the accounts of campaigns that were at work on a day."""
        return {account for campaign in self.campaigns if campaign.last == ordinal for account in campaign.accounts}

    def at(self, key: int) -> Campaign | None:
        """Return the campaign that a key belongs to."""
        return next((campaign for campaign in self.campaigns if key in campaign.keys), None)

    def near(self, accounts: Collection[str], chain: bool) -> Campaign | None:
        """Return a campaign that shares these accounts; of numbers in sequence, one that shares any of them."""
        shared = next((campaign for campaign in self.campaigns if campaign.shares(accounts)), None)
        return shared or (next(iter(self.chains(accounts)), None) if chain else None)

    def chains(self, accounts: Collection[str] | None = None) -> list[Campaign]:
        """Return the campaigns that try numbers in sequence; of `accounts`, those that use one of them."""
        chains = [campaign for campaign in self.campaigns if campaign.chain]
        return [one for one in chains if accounts is None or set(accounts) & set(one.accounts)]

    def forget(self, ordinal: int) -> None:
        """Begin a new day: let go of campaigns that have been quiet, and of the quietest of too many."""
        self.today = set()
        kept = [one for one in self.campaigns if one.last > ordinal - LASTS_DAYS]
        self.campaigns = sorted(kept, key=lambda one: one.last)[-MOST:]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        told = {"campaigns": [asdict(one) for one in self.campaigns], "today": sorted(self.today)}
        return {"campaign.raised": json.dumps(told).encode()}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        told = json.loads(saved["campaign.raised"])
        self.campaigns = [Campaign(**one) for one in told["campaigns"]]
        self.today = set(told["today"])
