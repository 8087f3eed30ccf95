"""How signals become incidents, and which become none."""

from datetime import date

from pydantic import Field, model_validator

from detector.config.section import Network, Section


class Allow(Section):
    """What shall raise nothing, why, and until when."""

    reason: str = Field(min_length=3)
    until: date
    accounts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    rules: tuple[str, ...] = Field((), description="rule ids or model names; empty: all")

    @model_validator(mode="after")
    def _of_what(self) -> "Allow":
        if not (self.accounts or self.networks or self.rules):
            raise ValueError("at least one of accounts, networks, rules is required: an entry must not silence all")
        return self


class Incidents(Section):
    """How signals become incidents."""

    quiet_h: float = Field(72.0, gt=0, description="event time without a signal after which an incident closes")
