"""Know how lines look: a format is an ordered tuple of shapes, and a shape makes typed columns of lines it knows.

One file a family. `registry` names them, `choose` finds them from a log's first lines, `reading` applies them.
"""

from detector.collect.formats.actions import LOGOFF_ACTIONS, LOGON_ACTIONS
from detector.collect.formats.choose import SAMPLE, choose_format
from detector.collect.formats.learned import Learned
from detector.collect.formats.registry import Format, build, canonical, names

__all__ = [
    "LOGOFF_ACTIONS",
    "LOGON_ACTIONS",
    "SAMPLE",
    "Format",
    "Learned",
    "build",
    "canonical",
    "choose_format",
    "names",
]
