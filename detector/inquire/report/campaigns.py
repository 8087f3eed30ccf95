"""Draw which accounts share evidence: an address, or a network and client, that incidents of several have."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detector.detect.campaign.explain import MODEL
from detector.inquire.chronicle import Incident
from detector.inquire.companions import rare_pairs
from detector.inquire.memory import Memory
from detector.inquire.report.markup import NOTHING, Html, figure, joined, picture, table
from detector.language import Words

MOST_ACCOUNTS: Final = 24
MOST_SHARED: Final = 12
MOST_CAMPAIGNS: Final = 6
WIDTH: Final = 445
ROW: Final = 20
LONGEST: Final = 22
"""Letters of a name that fit; the table has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Accounts joined by evidence that they share: what is shared, by whom."""

    accounts: tuple[str, ...]
    shared: Mapping[str, tuple[str, ...]]


def campaigns(memory: Memory, shown: Sequence[Incident]) -> list[Campaign]:
    """Return the groups of accounts whose incidents share evidence, the largest first."""
    users: dict[str, dict[str, None]] = {}
    rare = rare_pairs(memory, shown) if shown else {}
    for incident in shown:
        for evidence in _evidence(incident, rare, memory.words):
            users.setdefault(evidence, {}).update(dict.fromkeys(_who(incident)))
    shared = {evidence: tuple(sorted(who)) for evidence, who in users.items() if len(who) > 1}
    groups: list[set[str]] = []
    for who in shared.values():
        met = [group for group in groups if group & set(who)]
        groups = [group for group in groups if group not in met] + [set(who).union(*met)]
    found = [
        Campaign(
            accounts=tuple(sorted(group)),
            shared={evidence: who for evidence, who in shared.items() if set(who) <= group},
        )
        for group in groups
    ]
    return sorted(found, key=lambda one: (-len(one.accounts), one.accounts))


def _who(incident: Incident) -> tuple[str, ...]:
    """Return the account, or those that a campaign names; not all that an address merely tried."""
    if incident.account:
        return (incident.account,)
    return incident.users if incident.alert.rule_id == MODEL else ()


def _evidence(incident: Incident, rare: Collection[tuple[str, str]], words: Words) -> Iterator[str]:
    if incident.alert.rule_id == MODEL:  # each of its addresses is of some of its accounts: their own incidents tell
        yield words.say("shared.incident", incident=incident.id)
        return
    yield from incident.addresses
    for alert in incident.alerts:
        if (alert.network, alert.client) in rare:
            yield words.say("shared.pair", network=alert.network, client=alert.client)


def campaign_section(memory: Memory, shown: Sequence[Incident]) -> Html:
    """Return a graph for each campaign; nothing where no two incidents share anything."""
    found = campaigns(memory, shown)
    if not found:
        return NOTHING
    words = memory.words
    drawn = joined(_drawn(one, words) for one in found[:MOST_CAMPAIGNS])
    more = Html("<p>{}</p>").format(words.say("shared.more", groups=len(found) - MOST_CAMPAIGNS))
    return Html('<section id="shared"><h2>{}</h2><div class="pair">{}</div>{}</section>').format(
        words.say("shared.title"), drawn, more if len(found) > MOST_CAMPAIGNS else NOTHING
    )


def _drawn(one: Campaign, words: Words) -> Html:
    shared = dict(sorted(one.shared.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_SHARED])
    accounts = one.accounts[:MOST_ACCOUNTS]
    height = ROW * max(len(accounts), len(shared)) + 10
    left = {name: _place(n, len(accounts), height) for n, name in enumerate(accounts)}
    right = {name: _place(n, len(shared), height) for n, name in enumerate(shared)}
    edges = (
        f"M130 {left[who]}C190 {left[who]} 200 {right[evidence]} 260 {right[evidence]}"
        for evidence, users in shared.items()
        for who in users
        if who in left
    )
    parts = [
        Html('<path class="edge" d="{}"/>').format("".join(edges)),
        *(_node(130, y, name, "account") for name, y in left.items()),
        *(_node(260, y, name, "shared") for name, y in right.items()),
    ]
    accounts_of = len(one.accounts)
    title = words.say("shared.joined", accounts=accounts_of, shared=len(one.shared))
    caption = words.say("shared.caption", accounts=accounts_of)
    caption += words.say("shared.cut", most=MOST_ACCOUNTS) if accounts_of > MOST_ACCOUNTS else ""
    rows = [(evidence, len(users), ", ".join(users)) for evidence, users in one.shared.items()]
    return figure(
        picture(WIDTH, height, title, joined(parts), kind="graph"),
        caption,
        table(words.names("shared.heads"), rows),
        words,
    )


def _place(n: int, of: int, height: float) -> float:
    return round((n + 0.5) * height / of, 1)


def _node(x: float, y: float, label: str, kind: str) -> Html:
    side, dx = ("end", -9) if kind == "account" else ("start", 9)
    cut = label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
    node = Html('<circle class="node {}" cx="{}" cy="{}" r="4.5"/><text x="{}" y="{}" text-anchor="{}">{}</text>')
    return node.format(kind, x, y, x + dx, y + 4, side, cut)
