"""What a SIEM receives: one record, written in ECS or in OCSF.

Contract: an alert is complete when it is made; writing it adds `event.created` and nothing else.
"""

from detector.emit.alert.as_ecs import ecs
from detector.emit.alert.as_ocsf import ocsf
from detector.emit.alert.record import Alert, Reason, Writer

WRITERS: dict[str, Writer] = {"ecs": ecs, "ocsf": ocsf}
"""By the name that `--format` and the configuration use."""

__all__ = ["WRITERS", "Alert", "Reason", "Writer", "ecs", "ocsf"]
