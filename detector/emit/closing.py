"""Why an incident closes, as its last alert says it."""

from dataclasses import dataclass
from typing import Final

from detector.emit.alert.record import Reason
from detector.emit.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """`why` reads on from "closed"; in `next_step` stands `{incident}` for its id; `reason` leads the evidence."""

    why: str
    next_step: str
    reason: Reason | None = None


_KEEP: Final = "keep the logs of the whole span and list whose files were read."

QUIET: Final = Closing(
    why="by quiet",
    next_step="Record what it was: `detector feedback {incident} benign`, or `confirmed`; until somebody does, its"
    f" account learns nothing of it. If it was an abuse, {_KEEP}",
)
QUIET_ABUSE: Final = Closing(why="by quiet, confirmed as an abuse,", next_step=_KEEP.capitalize())


def as_benign(verdict: Verdict) -> Closing:
    """Return the closing by a person's word."""
    return Closing(
        why=f"as benign by {verdict.who}",
        next_step="The account learns from it. If it was an abuse after all: `detector feedback {incident} confirmed`,"
        " today if it can be.",
    )


def as_changed(reason: Reason) -> Closing:
    """Return the closing by a lasting change of the account, for which learning is re-opened."""
    return Closing(
        why=f"by a lasting change of the account ({reason.text}), for which learning was re-opened,",
        next_step="Ask its holder what changed. If it is an abuse: `detector feedback {incident} confirmed`, and"
        " nothing more of it is learned.",
        reason=reason,
    )
