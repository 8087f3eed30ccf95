"""Remember the campaigns that were found: a key that joins later, and shares their accounts, is one of theirs."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from typing import Final

LASTS_DAYS: Final = 7
"""Days after its last new account for which a campaign is remembered."""

MOST: Final = 200
"""Campaigns remembered at once; of more, those that were quiet longest are dropped."""

LEAST_SHARED: Final = 2
"""Accounts that two keys must have in common to be one campaign's."""


@dataclass(slots=True)
class Campaign:
    """Accounts used together: `name` is the key it was first seen by, `address` its source, where that is one.

    - `chain`: they try numbers in sequence, and so pass from one hundred to the next
    - `owed`: accounts of campaigns that turned out to be the same, to be named with the next ones
    """

    name: str
    address: str | None
    keys: list[int]
    accounts: list[str]
    last: int
    chain: bool = False
    owed: list[str] = field(default_factory=list)

    def uses(self, key: int, accounts: Collection[str]) -> bool:
        """Say whether a key, or LEAST_SHARED of the accounts found by it, are the campaign's."""
        return key in self.keys or len(set(accounts) & set(self.accounts)) >= LEAST_SHARED

    def name_now(self, accounts: Iterable[str], ordinal: int) -> list[str]:
        """Return which of `accounts`, and of those owed, were not named yet, and take them for named.

        The first time on a later day all are told again: the campaign goes on, and its incident must not fall quiet.
        """
        now = dict.fromkeys((*self.owed, *accounts))
        told = [name for name in now if ordinal > self.last or name not in self.accounts]
        self.accounts += [name for name in told if name not in self.accounts]
        self.owed = []
        self.last = ordinal if told else self.last
        return told

    def absorb(self, other: "Campaign") -> None:
        """Take over a campaign that turned out to be the same."""
        self.keys += other.keys
        self.owed += [*other.accounts, *other.owed]
        self.chain |= other.chain


class Raised:
    """The campaigns of the last days."""

    def __init__(self) -> None:
        self.campaigns: list[Campaign] = []
        self.today: set[int] = set()
        """The keys that were found today: whoever is odd there is named at once."""

    def of_day(self, ordinal: int) -> set[str]:
        """Return the accounts of campaigns that were at work on a day."""
        return {name for one in self.campaigns if one.last == ordinal for name in (*one.accounts, *one.owed)}

    def tells_nothing(self, key: int, account: str) -> bool:
        """Say whether a key was found today already, and its campaign has named the account that came by it."""
        return key in self.today and any(key in one.keys and account in one.accounts for one in self.campaigns)

    def gather(self, key: int, accounts: Collection[str], chain: bool) -> Campaign | None:
        """Return the campaign of a key and the accounts found by it; of several make one, the oldest."""
        same = [one for one in self.campaigns if one.uses(key, accounts)] or (self.chains(accounts) if chain else [])
        for other in same[1:]:
            same[0].absorb(other)
            self.campaigns.remove(other)
        return same[0] if same else None

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
