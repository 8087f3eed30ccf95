"""The models of each account."""

from typing import Literal

from pydantic import Field

from detector.config.section import Section

Family = Literal[
    "volume",
    "subjects",
    "session",
    "errors",
    "source",
    "geography",
    "network",
    "device",
    "time",
    "silence",
    "campaign",
]
"""The families of evidence, as `detect.models.features.FAMILIES` names them; and what several accounts share."""


class Models(Section):
    """The per-account models."""

    enabled: bool = True
    learning_days: int = Field(3, ge=1, description="days of an account's own that make its expectations half believed")
    budget_per_1000_account_days: float = Field(
        1.0, gt=0, description="alerts that the team can look into, per 1,000 active accounts a day"
    )
    threshold: float = Field(6.0, gt=0, description="sum of weighted surprise that raises an alert at a budget of 1")
    families_off: tuple[Family, ...] = Field(
        (), description="families of evidence that count for nothing: what they need, the log does not hold"
    )
