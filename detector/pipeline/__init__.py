"""Run the flow of the stages over lines, and commit what was seen with what it led to.

`flow` is the detector itself; `archives` reads files to their end through it, `live` follows them.
"""

from detector.pipeline.flow import Pipeline

__all__ = ["Pipeline"]
