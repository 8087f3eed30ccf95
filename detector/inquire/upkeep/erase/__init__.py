"""Take one account or one insured person's token out of a state, so that no byte of it is left."""

from detector.inquire.upkeep.erase.erasing import erase, still_named
from detector.inquire.upkeep.erase.numbers import account_names
from detector.inquire.upkeep.erase.whom import Whom

__all__ = ["Whom", "account_names", "erase", "still_named"]
