"""Take up the configuration anew while logs are followed; keep the former where the new one has faults."""

from collections.abc import Callable
from typing import Final

from detector.config import Config
from detector.errors import DetectorError, FaultsError
from detector.pipeline.flow import Pipeline
from detector.pipeline.setup import Setup
from detector.telemetry import log

Renew = Callable[[], Setup]
"""Reads the configuration and opens what it names. Raises: DetectorError."""

TAKEN: Final = "reloads"
REFUSED: Final = "reloads_refused"


def reload(pipeline: Pipeline, renew: Renew) -> str:
    """Let a pipeline go on under what `renew` gives, and return what there is to say of it: nothing, if all is well.

    Only right after a commit. A configuration, rules or a key with faults change nothing; each fault is logged.
    """
    listened = pipeline.config.metrics
    try:
        setup = renew()
        try:
            pipeline.reload(setup)
        except DetectorError:
            setup.close()
            raise
    except DetectorError as fault:
        return _refused(pipeline, fault)
    pipeline.telemetry.counts[TAKEN] += 1
    log.warning("configuration and rules taken up anew", extra={"rules": len(pipeline.detection.rules.catalogue)})
    return _said_of(listened, pipeline.config)


def _refused(pipeline: Pipeline, fault: DetectorError) -> str:
    faults = [str(one) for one in fault.faults] if isinstance(fault, FaultsError) else [str(fault)]
    for one in faults:
        log.error("configuration not taken up, the former stays", extra={"fault": one})
    pipeline.telemetry.counts[REFUSED] += 1
    return f"configuration not taken up, the former stays: {faults[0]}" + _more(len(faults) - 1)


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""


def _said_of(listened: object, config: Config) -> str:
    if listened == config.metrics:
        return ""
    log.warning("metrics are taken up at a start only, the former stay")
    return "metrics are taken up at a start only, the former stay"
