"""Search the events of a batch for what Sigma rules describe: `schema.EVENT` in, `schema.SIGNAL` out.

Pure given its own memory: windows of event time per group, which can be saved and restored between any two
batches. Any cut of the same events into batches gives the same signals.
"""

from detector.detect.rules.engine import Rules
from detector.detect.rules.found import Found, find
from detector.detect.rules.lacking import lacking
from detector.detect.rules.proof import Result, run_tests, write_junit
from detector.detect.rules.spec import Rule

__all__ = ["Found", "Result", "Rule", "Rules", "find", "lacking", "run_tests", "write_junit"]
