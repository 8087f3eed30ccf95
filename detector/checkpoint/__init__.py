"""Keep position, memory and outbox together: one SQLite file, one transaction a batch.

Between two snapshots the journal holds the events that detection has seen, redacted as they leave
`collect`. A restart restores the last snapshot and observes the journal again, which by invariant 1 gives
the very same memory: no stage needs to write its running windows at every batch.
"""

from detector.checkpoint import sums
from detector.checkpoint.lock import lock
from detector.checkpoint.opening import FILE, SCHEMA_VERSION, file_in, found_version, other_version, table_names
from detector.checkpoint.saved import KEY_FILE, KEY_ID, POSITIONS, TODAY, Checkpoint, Saved, noted_key

__all__ = [
    "FILE",
    "KEY_FILE",
    "KEY_ID",
    "POSITIONS",
    "SCHEMA_VERSION",
    "TODAY",
    "Checkpoint",
    "Saved",
    "file_in",
    "found_version",
    "lock",
    "noted_key",
    "other_version",
    "sums",
    "table_names",
]
