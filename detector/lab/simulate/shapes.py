"""List the shapes of attack by name: how each is planned, from which networks and at which hours it may come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from detector.lab.simulate import attacks, contamination, stealth
from detector.lab.simulate.intrusion import HOURS, NETWORKS, Plan, Scene
from detector.lab.simulate.pacing import Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How an attack is planned; which networks and hours it can have where not all."""

    plan: Callable[[Scene, str, Rng], Plan]
    networks: tuple[str, ...] = NETWORKS
    hours: tuple[str, ...] = HOURS


SHAPES: Final = {
    "viamedis": Shape(plan=attacks.viamedis),
    "smash_and_grab": Shape(plan=attacks.smash_and_grab),
    "ficoba": Shape(plan=attacks.ficoba),
    "office_residential": Shape(plan=attacks.office_residential, networks=("residential",), hours=("office",)),
    "low_and_slow": Shape(plan=attacks.low_and_slow),
    "swarm": Shape(plan=attacks.swarm),
    "amelipro": Shape(plan=attacks.amelipro),
    "stuffing": Shape(plan=attacks.stuffing),
    "test_then_scrape": Shape(plan=attacks.test_then_scrape),
    "impossible_travel": Shape(
        plan=attacks.impossible_travel, networks=("abroad", "vpn", "hosting"), hours=("office",)
    ),
    "dormant": Shape(plan=attacks.dormant),
    "session_taken": Shape(plan=attacks.session_taken, hours=("office",)),
    "vendor_key": Shape(plan=attacks.vendor_key),
    "insider": Shape(plan=attacks.insider, networks=("own",), hours=("office",)),
    "slow_start": Shape(plan=contamination.slow_start),
    "first_day": Shape(plan=contamination.first_day),
    "new_account": Shape(plan=contamination.new_account),
    "slow_trainer": Shape(plan=contamination.slow_trainer),
    "one_in_twenty": Shape(plan=contamination.one_in_twenty, networks=("residential", "vpn", "hosting")),
    "local_slow": Shape(plan=stealth.local_slow),
    "recent_list": Shape(plan=stealth.recent_list, hours=("office",)),
    "list_with_own": Shape(plan=stealth.list_with_own),
}

GROUPS: Final = {
    "all": tuple(SHAPES),
    "contamination": ("slow_start", "first_day", "new_account", "slow_trainer", "one_in_twenty"),
    "stealth": ("local_slow", "recent_list", "list_with_own"),
    "none": (),
}
"""Names that stand for several shapes."""
