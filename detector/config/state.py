"""What is remembered, and how much of it."""

from pydantic import Field

from detector.config.section import Section


class State(Section):
    """What is remembered, and how much of it."""

    max_accounts_in_memory: int = Field(50_000, ge=1, description="others are read from the state when they are seen")
    max_new_accounts_per_day: int = Field(
        200_000, ge=1, description="names never seen before, and not in accounts.file, that the models take up a day"
    )
    max_rows_per_window: int = Field(20_000_000, ge=1000, description="rows a window keeps; older ones are evicted")
    retain_days: int = Field(
        365, ge=60, description="accounts not seen, alerts and verdicts older than that are forgotten as days end"
    )
    snapshot_every_bytes: int = Field(64 * 1024 * 1024, ge=1, description="journal that is replayed at most")
