"""Give memory that is free back to the system: glibc keeps what the end of a day took, between what stays."""

import ctypes
import sys
from typing import Final

_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
"""Source: malloc_trim(3). Other C libraries have no such thing."""


def give_back() -> None:
    """Return what is free to the system, where the C library can."""
    if _TRIM is not None:
        _TRIM(0)
