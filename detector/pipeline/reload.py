"""Take up the configuration anew while logs are followed; keep the former where the new one has faults."""

from collections.abc import Callable

from detector.config import Config
from detector.errors import DetectorError, FaultsError
from detector.pipeline.flow import Pipeline, Setup
from detector.telemetry import RELOADS, log

Renew = Callable[[], Setup]
"""Reads the configuration and opens what it names. Raises: DetectorError."""


def reload(pipeline: Pipeline, renew: Renew) -> str:
    """Let a pipeline go on under what `renew` gives, and return what there is to say of it: nothing, if all is well.

    Only right after a commit. A configuration, rules or a key with faults change nothing; each fault is logged.
    """
    former = pipeline.config
    try:
        setup = renew()
        try:
            pipeline.reload(setup)
        except DetectorError:
            setup.close()
            raise
    except DetectorError as fault:
        return _refused(pipeline, fault)
    pipeline.telemetry.counts[RELOADS["taken"]] += 1
    pipeline.telemetry.reload_faults = 0
    log.warning("configuration and rules taken up anew", extra={"rules": len(pipeline.detection.rules.catalogue)})
    return _said_of(former, pipeline.config)


def _refused(pipeline: Pipeline, fault: DetectorError) -> str:
    faults = [str(one) for one in fault.faults] if isinstance(fault, FaultsError) else [str(fault)]
    for one in faults:
        log.error("configuration not taken up, the former stays", extra={"fault": one})
    pipeline.telemetry.counts[RELOADS["refused"]] += 1
    pipeline.telemetry.reload_faults = len(faults)
    return f"configuration not taken up, the former stays: {faults[0]}" + _more(len(faults) - 1)


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""


def _said_of(former: Config, config: Config) -> str:
    """Name what changed and is opened at a start only."""
    opened = {
        "metrics": (former.metrics, config.metrics),
        "input.receive": (former.input.receive, config.input.receive),
    }
    stay = " and ".join(name for name, (before, now) in opened.items() if before != now)
    if not stay:
        return ""
    told = f"{stay}: taken up at a start only, the former stay"
    log.warning(told)
    return told
