"""The rules."""

from pathlib import Path

from pydantic import Field

from detector.config.section import Level, Section


class Rules(Section):
    """Which Sigma rules run."""

    folders: tuple[Path, ...] = Field((), description="beside the shipped pack")
    shipped: bool = True
    pipelines: tuple[Path, ...] = Field(
        (), description="pySigma processing pipelines: bring the rules of `folders` and `--rules` into our field names"
    )
    disabled: tuple[str, ...] = ()
    thresholds: dict[str, float | tuple[float | None, ...]] = Field(
        default_factory=dict,
        description="rule: the number of its condition; or a list: that number, then those of `also`; null keeps one",
    )
    min_level: Level = Field("medium", description="below it a match is evidence in an incident and opens none")
