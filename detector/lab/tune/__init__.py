"""Propose a filter that takes a rule's false alerts away, and prove on the logs that the right ones stay.

Contract: what is proposed has been loaded by the loader and run by the engine, over the events as the pipeline
collects them; what could not be run is refused, with the reason.
"""

from detector.lab.tune.judged import Judged, NoFilterError, Proposal
from detector.lab.tune.proven import tune
from detector.lab.tune.unread import tune_from_alerts

__all__ = ["Judged", "NoFilterError", "Proposal", "tune", "tune_from_alerts"]
