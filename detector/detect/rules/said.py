"""Hold what a rule says to people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a rule says to people in one language: its sentence, the unit of its count, what to do."""

    message: str | None = None
    unit: str | None = None
    runbook: tuple[str, ...] = ()

    def or_else(self, other: "Said") -> "Said":
        """Return this with what it leaves out as `other` has it."""
        return Said(
            message=self.message or other.message,
            unit=self.unit or other.unit,
            runbook=self.runbook or other.runbook,
        )
