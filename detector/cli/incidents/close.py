"""`detector incidents close`: `detector feedback`, where somebody looks for it."""

from copy import copy
from typing import Final

from detector.cli.feedback import feedback

EPILOG: Final = """\b
Example:
  detector incidents close 1938b5f7 benign --note 'on duty in Lille' --state /var/lib/detector"""

close_incident = copy(feedback)
close_incident.name, close_incident.epilog = "close", EPILOG
