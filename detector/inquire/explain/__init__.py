"""Tell one incident the way a colleague would: what happened, what is usual, why it is odd, who else, what to do."""

from detector.inquire.explain.as_text import text
from detector.inquire.explain.compiled import Explanation, explain

__all__ = ["Explanation", "explain", "text"]
