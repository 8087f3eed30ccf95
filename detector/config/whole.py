"""The whole configuration: its sections by name."""

from zoneinfo import ZoneInfo

from pydantic import Field

from detector.config.health import Health
from detector.config.incidents import Allow, Incidents
from detector.config.input import Input
from detector.config.log import Log
from detector.config.metrics import Metrics
from detector.config.models import Models
from detector.config.portal import Portal
from detector.config.report import Report
from detector.config.rules import Rules
from detector.config.section import Section
from detector.config.sinks import Outbox, Sinks
from detector.config.state import State
from detector.config.surroundings import Accounts, Calendar, Networks
from detector.language import Language


class Config(Section):
    """The whole configuration."""

    language: Language = Field("en", description="of what alerts, reports and pages say; names and fields stay")
    input: Input = Input()
    portal: Portal = Portal()
    accounts: Accounts = Accounts()
    calendar: Calendar = Calendar()
    networks: Networks = Networks()
    allow: tuple[Allow, ...] = ()
    models: Models = Models()
    rules: Rules = Rules()
    incidents: Incidents = Incidents()
    sinks: Sinks = ()
    outbox: Outbox = Outbox()
    report: Report = Report()
    log: Log = Log()
    metrics: Metrics = Metrics()
    health: Health = Health()
    state: State = State()

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days and hours of work are counted."""
        return ZoneInfo(self.calendar.timezone)
