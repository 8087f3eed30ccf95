"""Read the configuration: YAML in, a validated frozen tree out, every fault at once with its line.

One file a group of sections. Only this folder knows pydantic. The JSON Schema for editors is
`Config.model_json_schema()`.
"""

from detector.config.health import Health
from detector.config.incidents import Allow, Incidents
from detector.config.input import Format, Input
from detector.config.log import Log
from detector.config.metrics import Metrics
from detector.config.models import Models
from detector.config.portal import Action, ActionAt, CategoriesAt, Key, Portal, SubjectAt
from detector.config.read import ConfigFaultsError, load, shipped
from detector.config.receive import Receive
from detector.config.report import Report
from detector.config.rules import Rules
from detector.config.section import Level, Network, Regex, Section, Zone, groups_of, telling
from detector.config.sinks import (
    Credential,
    Destination,
    Outbox,
    OverHttp,
    Retry,
    Rotation,
    Signature,
    Sink,
    Tls,
    ToElasticsearch,
    ToFile,
    ToKafka,
    ToNats,
    ToSentinel,
    ToSplunkHec,
    ToStdout,
    ToSyslog,
    ToWebhook,
)
from detector.config.state import State
from detector.config.surroundings import Accounts, Calendar, Networks
from detector.config.whole import Config

__all__ = [
    "Accounts",
    "Action",
    "ActionAt",
    "Allow",
    "Calendar",
    "CategoriesAt",
    "Config",
    "ConfigFaultsError",
    "Credential",
    "Destination",
    "Format",
    "Health",
    "Incidents",
    "Input",
    "Key",
    "Level",
    "Log",
    "Metrics",
    "Models",
    "Network",
    "Networks",
    "Outbox",
    "OverHttp",
    "Portal",
    "Receive",
    "Regex",
    "Report",
    "Retry",
    "Rotation",
    "Rules",
    "Section",
    "Signature",
    "Sink",
    "State",
    "SubjectAt",
    "Tls",
    "ToElasticsearch",
    "ToFile",
    "ToKafka",
    "ToNats",
    "ToSentinel",
    "ToSplunkHec",
    "ToStdout",
    "ToSyslog",
    "ToWebhook",
    "Zone",
    "groups_of",
    "load",
    "shipped",
    "telling",
]
