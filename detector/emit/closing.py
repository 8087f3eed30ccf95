"""Why an incident closes, as its last alert says it."""

from dataclasses import dataclass
from typing import Final

from detector.emit.alert.record import Reason
from detector.emit.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """`why` reads on from "closed"; `reason` joins the evidence."""

    why: str
    next_step: str
    reason: Reason | None = None


_RECORD: Final = "if it was an abuse, keep the logs of the whole span and list whose files were read."

QUIET: Final = Closing(why="by quiet", next_step=f"Record what it was; {_RECORD}")
QUIET_ABUSE: Final = Closing(
    why="by quiet, confirmed as an abuse,",
    next_step="Keep the logs of the whole span and list whose files were read.",
)


def as_benign(verdict: Verdict) -> Closing:
    """Return the closing by a person's word."""
    return Closing(
        why=f"as benign by {verdict.who}",
        next_step=f"The account learns from it; if it was an abuse after all: `detector feedback {verdict.incident}"
        " confirmed`, today if it can be.",
    )


def as_changed(reason: Reason, incident: str) -> Closing:
    """Return the closing by a lasting change of the account, for which learning is re-opened."""
    return Closing(
        why=f"as a lasting change of its account ({reason.text}): learning is re-opened for it. It closes",
        next_step=f"Ask its holder what changed; if it is an abuse: `detector feedback {incident} confirmed`, and"
        " nothing more of it is learned.",
        reason=reason,
    )
