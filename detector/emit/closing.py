"""Why an incident closes, as its last alert says it."""

from dataclasses import dataclass
from typing import Final, Literal

from detector.emit.alert.record import Reason
from detector.emit.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """By quiet, by a person's word, or by a change for good: the words for it are `closed.` and `after.` of its `kind`.

    `who` said so; `reason` tells the change, or the silence that is over, and leads the evidence.
    """

    kind: Literal["quiet", "quiet_abuse", "benign", "changed", "returned", "delayed"]
    who: str = ""
    reason: Reason | None = None


QUIET: Final = Closing(kind="quiet")
QUIET_ABUSE: Final = Closing(kind="quiet_abuse")


def as_benign(verdict: Verdict) -> Closing:
    """Return the closing by a person's word."""
    return Closing(kind="benign", who=verdict.who)


def as_changed(reason: Reason) -> Closing:
    """Return the closing by a lasting change of the account, for which learning is re-opened."""
    return Closing(kind="changed", reason=reason)
