"""Read the configuration: YAML in, a validated frozen tree out, every fault at once with its line.

Only this module knows pydantic. The JSON Schema for editors is `Config.model_json_schema()`.
"""

import ipaddress
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.errors import Fault, FaultsError, duplicate_keys, line_of


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder: `shipped("config", "default.yml")`.

    In the wheel they lie inside the package; in a checkout beside it.
    """
    inside = Path(str(files("detector"))).joinpath("shipped", *parts)
    return inside if inside.exists() else Path(str(files("detector"))).parent.joinpath(*parts)


def _regex(text: str) -> str:
    # Polars runs Rust's linear-time engine; Python's `re` refuses much the same faults and says where.
    import polars as pl

    try:
        pl.Series([""]).str.contains(text, strict=True)
    except pl.exceptions.ComputeError as fault:
        raise ValueError(f"not a regular expression of Rust's engine: {fault}") from None
    return text


def groups_of(pattern: str) -> list[str]:
    """Return the names of a Rust pattern's groups, in order; one without a name is called by its number."""
    import polars as pl

    return pl.Series([""]).str.extract_groups(pattern).struct.fields


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no such time zone: {name!r}, required an IANA name such as Europe/Paris")
    return name


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


Regex = Annotated[str, AfterValidator(_regex)]
Zone = Annotated[str, AfterValidator(_zone)]
Network = Annotated[str, AfterValidator(_network)]
Action = Literal["logon", "logoff", "search", "record_view", "claim", "export", "other"]
Level = Literal["informational", "low", "medium", "high", "critical"]


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Format(Section):
    """A log format that has no name: exactly one of the four ways to describe it."""

    nginx: str | None = Field(None, description="an nginx `log_format` string, as pasted")
    apache: str | None = Field(None, description="an Apache `LogFormat` string, as pasted")
    json_fields: dict[str, str] | None = Field(
        None, description="event column: path of the JSON field, dots between levels"
    )
    regex: Regex | None = Field(None, description="named groups; the names of docs: time, ip, user, method, ...")
    time_format: str | None = Field(None, description="strftime of the time stamp, `epoch_s` or `epoch_ms`")

    @model_validator(mode="after")
    def _one(self) -> "Format":
        ways = [self.nginx, self.apache, self.json_fields, self.regex]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("exactly one of nginx, apache, json_fields, regex is required")
        return self


class Input(Section):
    """How lines are read."""

    format: str | Format = "auto"
    timezone: Zone = Field("UTC", description="zone of time stamps that carry none")
    trusted_proxies: tuple[Network, ...] = ()
    max_lateness_s: float = Field(10.0, ge=0, description="how far out of order lines may come")
    max_future_s: float = Field(
        86_400.0, gt=0, description="a line so far ahead of the lines before and after it has a broken clock"
    )
    max_idle_s: float = Field(60.0, ge=0, description="how far a log that has nothing new may hold the others back")
    max_line_bytes: int = Field(65536, ge=1024)
    chunk_bytes: int = Field(16 * 1024 * 1024, ge=1, description="bytes read at once from a file")
    reject_share_warning: float = Field(0.02, ge=0, le=1)


class SubjectAt(Section):
    """Where an insured person's identifier stands: a path pattern with a group, or a query parameter."""

    path: Regex | None = Field(None, description="its group `subject`, or its first, is the identifier")
    query: str | None = Field(None, description="name of the query parameter")

    @model_validator(mode="after")
    def _one(self) -> "SubjectAt":
        if (self.path is None) == (self.query is None):
            raise ValueError("exactly one of path, query is required")
        if self.path is not None and not groups_of(self.path):
            raise ValueError("path needs a group around the identifier, such as ^/patients/([^/]+)")
        return self


class ActionAt(Section):
    """Which requests are an action. The first entry that fits wins."""

    action: Action
    path: Regex = Field(description="searched in the redacted path; an identifier there reads `{subject}`")
    method: tuple[str, ...] = ()
    subject: bool | None = Field(None, description="true: requests that name an insured person; false: the others")
    success: tuple[int, ...] = Field((), description="status codes of success; default: below 400")
    failure: tuple[int, ...] = Field((), description="status codes of failure; default: 400 and above")


class Key(Section):
    """The secret key of the tokens. Never in the configuration itself."""

    file: Path | None = None
    env: str | None = "PORTAL_DETECTOR_KEY"


class Portal(Section):
    """What the portal's requests mean."""

    key: Key = Key()
    subjects: tuple[SubjectAt, ...] = ()
    actions: tuple[ActionAt, ...] = ()


class Accounts(Section):
    """The account directory, CSV or Parquet: one row an account."""

    file: Path | None = None
    columns: dict[Literal["account", "profession", "organization", "department", "kind"], str] = Field(
        default_factory=dict, description="our name: name in the file, where they differ"
    )


class Calendar(Section):
    """Local time and days off of the people who work on the portal."""

    timezone: Zone = "Europe/Paris"
    country: str | None = "FR"
    subdivision: str | None = None
    extra_days_off: tuple[date, ...] = ()


class Networks(Section):
    """Tables of addresses. Null: those that ship with the package."""

    country_table: Path | None = None
    asn_table: Path | None = None
    kinds_file: Path | None = Field(None, description="hosting, VPN, Tor, mobile networks; adds to the shipped list")
    max_table_age_days: int = 180


class Allow(Section):
    """What shall raise nothing, why, and until when."""

    reason: str = Field(min_length=3)
    until: date
    accounts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    rules: tuple[str, ...] = Field((), description="rule ids or model names; empty: all")

    @model_validator(mode="after")
    def _of_what(self) -> "Allow":
        if not (self.accounts or self.networks or self.rules):
            raise ValueError("at least one of accounts, networks, rules is required: an entry must not silence all")
        return self


class Models(Section):
    """The per-account models."""

    enabled: bool = True
    learning_days: int = Field(3, ge=1, description="days of an account's own that make its expectations half believed")
    budget_per_1000_account_days: float = Field(
        1.0, gt=0, description="alerts that the team can look into, per 1,000 active accounts a day"
    )
    threshold: float = Field(8.5, gt=0, description="sum of weighted surprise that raises an alert at a budget of 1")


class Rules(Section):
    """Which Sigma rules run."""

    folders: tuple[Path, ...] = Field((), description="beside the shipped pack")
    shipped: bool = True
    disabled: tuple[str, ...] = ()
    thresholds: dict[str, float] = Field(default_factory=dict, description="rule id: count instead of the rule's own")
    min_level: Level = Field("medium", description="below it a match is evidence in an incident and opens none")


class Incidents(Section):
    """How signals become incidents."""

    quiet_h: float = Field(72.0, gt=0, description="event time without a signal after which an incident closes")


class FileSink(Section):
    """Alerts to a file, JSON lines."""

    kind: Literal["file"] = "file"
    path: Path
    format: Literal["ecs", "ocsf"] = "ecs"


class StdoutSink(Section):
    """Alerts to standard output, JSON lines."""

    kind: Literal["stdout"] = "stdout"
    format: Literal["ecs", "ocsf"] = "ecs"


Sink = Annotated[FileSink | StdoutSink, Field(discriminator="kind")]


class State(Section):
    """What is remembered, and how much of it."""

    max_accounts_in_memory: int = Field(200_000, ge=1)
    max_rows_per_window: int = Field(20_000_000, ge=1000, description="rows a window keeps; older ones are evicted")
    snapshot_every_bytes: int = Field(64 * 1024 * 1024, ge=1, description="journal that is replayed at most")


class Config(Section):
    """The whole configuration."""

    input: Input = Input()
    portal: Portal = Portal()
    accounts: Accounts = Accounts()
    calendar: Calendar = Calendar()
    networks: Networks = Networks()
    allow: tuple[Allow, ...] = ()
    models: Models = Models()
    rules: Rules = Rules()
    incidents: Incidents = Incidents()
    sinks: tuple[Sink, ...] = ()
    state: State = State()

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days and hours of work are counted."""
        return ZoneInfo(self.calendar.timezone)


class _TextDates(yaml.SafeLoader):
    """Leaves dates to the validation, which says in which line an impossible one stands; YAML would just fail."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # the base class declares it so
        first: [one for one in found if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load(path: Path | None = None) -> Config:
    """Read and validate a configuration file; None is the shipped one.

    Relative paths inside it are relative to the file; a portal that it leaves out is the shipped one.
    Raises: `FaultsError` with every fault.
    """
    path = path or shipped("config", "default.yml")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise FaultsError([Fault(str(path), 1, f"cannot be read: {fault}")]) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise FaultsError([Fault(str(path), line, f"not YAML: {getattr(fault, 'problem', fault)}")]) from None
    faults = [Fault(str(path), line, message) for line, message in duplicate_keys(node)] if node else []
    tree: Any = yaml.load(text, Loader=_TextDates) or {}  # noqa: S506  # a SafeLoader that leaves dates as text
    try:
        config = Config.model_validate(tree)
        if path != shipped("config", "default.yml"):
            config = _with_the_shipped_portal(config)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            where = ".".join(map(str, error["loc"])) or "the file"
            faults.append(Fault(str(path), line_of(node, error["loc"]), f"{where}: {error['msg']}"))
    if faults:
        raise FaultsError(faults)
    return _anchored(config, path.parent)


def _with_the_shipped_portal(config: Config) -> Config:
    """Take what the shipped portal says of subjects and actions where a file says nothing of its own."""
    said = {name: getattr(config.portal, name) for name in config.portal.model_fields_set}
    return config.model_copy(update={"portal": load().portal.model_copy(update=said)})


S = TypeVar("S", bound=Section)


def _anchored(config: Config, folder: Path) -> Config:
    def at(section: S, *names: str) -> S:
        told = {name: value for name in names if (value := getattr(section, name)) is not None}
        return section.model_copy(update={name: folder / value for name, value in told.items()})

    return config.model_copy(
        update={
            "portal": config.portal.model_copy(update={"key": at(config.portal.key, "file")}),
            "accounts": at(config.accounts, "file"),
            "networks": at(config.networks, "country_table", "asn_table", "kinds_file"),
            "rules": config.rules.model_copy(update={"folders": tuple(folder / one for one in config.rules.folders)}),
            "sinks": tuple(at(one, "path") if isinstance(one, FileSink) else one for one in config.sinks),
        }
    )
