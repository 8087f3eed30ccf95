"""Sinks that are spoken to over HTTP, and what they have in common."""

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from detector.config.section import Section
from detector.config.sinks.destination import Credential, Destination, Tls


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a URL such as https://siem.example.org:8088 is required")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a user, a password, a query or a fragment does not belong in this URL")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


def is_safe(url: str) -> bool:
    """Return whether what is sent to `url` can be read by nobody on the way: by TLS, or as it stays on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


class OverHttp(Destination):
    """What every sink over HTTP can be told. Redirects are not followed."""

    tls: Tls = Tls()
    proxy: Url | Literal["environment"] | None = Field(
        None, description="URL of a proxy; `environment`: as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; default: none"
    )
    cleartext: bool = Field(
        False, description="allow http:// to another machine: everyone on the way reads alerts and secrets"
    )
    gzip: bool = Field(True, description="compress what is sent")
    request_bytes: int = Field(1_000_000, ge=16_384, description="of a request before compression, at most")

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses it speaks to, as far as the configuration names them."""
        return ()

    @property
    def place(self) -> str:
        """Host and port."""
        return urlsplit(self.urls[0]).netloc if self.urls else ""

    @model_validator(mode="after")
    def _encrypted(self) -> "OverHttp":
        bare = [url for url in self.urls if not is_safe(url)]
        if bare and not self.cleartext:
            raise ValueError(f"{bare[0]}: https is required, or `cleartext: true`")
        return self


class ToSplunkHec(OverHttp):
    """Alerts to Splunk's HTTP Event Collector."""

    kind: Literal["splunk_hec"] = "splunk_hec"
    url: Url = Field(description="such as https://splunk.example.org:8088, without /services")
    token: Credential
    format: Literal["cim", "ecs", "ocsf"] = "cim"
    host: str | None = Field(None, min_length=1, description="`host` of the events; default: this machine's name")
    source: str = Field("portal-detector", min_length=1)
    sourcetype: str = Field("portal:detector:alert", min_length=1, description="as the add-on for format cim has it")
    index: str | None = Field(None, min_length=1, description="default: the index of the token")
    acknowledge: bool = Field(False, description="wait until it is indexed; the token must have acknowledgement on")
    acknowledge_s: float = Field(60.0, gt=0, description="how long that may take; then the alerts are sent again")

    @property
    def urls(self) -> tuple[str, ...]:
        """The collector."""
        return (self.url,)


class ToElasticsearch(OverHttp):
    """Alerts to an index or data stream of Elasticsearch or OpenSearch."""

    kind: Literal["elasticsearch"] = "elasticsearch"
    url: Url = Field(description="such as https://elastic.example.org:9200")
    index: str = Field(
        "portal-alerts", pattern=r"^[a-z0-9][a-z0-9._-]{0,254}$", description="an index, an alias or a data stream"
    )
    pipeline: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]+$", description="an ingest pipeline")
    format: Literal["ecs", "ocsf"] = "ecs"
    api_key: Credential | None = Field(None, description="in the encoded form, base64 of id:key")
    username: str | None = Field(None, min_length=1, pattern=r"^[^:]+$")
    password: Credential | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """The cluster."""
        return (self.url,)

    @model_validator(mode="after")
    def _one_way_in(self) -> "ToElasticsearch":
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.api_key is not None and self.username is not None:
            raise ValueError("api_key or username and password, not both")
        return self


class ToSentinel(OverHttp):
    """Alerts to a table of Microsoft Sentinel, by the Logs Ingestion API of Azure Monitor."""

    kind: Literal["sentinel"] = "sentinel"
    url: Url = Field(description="logs ingestion endpoint of the data collection rule, or of a DCE")
    rule: str = Field(pattern=r"^dcr-[0-9a-zA-Z]+$", description="immutable id of the data collection rule")
    stream: str = Field("Custom-PortalAlerts_CL", pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    tenant: str = Field(pattern=r"^[A-Za-z0-9.-]+$", description="id or domain of the directory")
    client_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$", description="of the application")
    client_secret: Credential
    authority: Url = Field("https://login.microsoftonline.com", description="another one in sovereign clouds")
    scope: str = Field("https://monitor.azure.com//.default", description="another one in sovereign clouds")
    format: Literal["asim"] = "asim"
    request_bytes: int = Field(1_000_000, ge=16_384, le=1_000_000, description="the API takes 1 MB")

    @property
    def urls(self) -> tuple[str, ...]:
        """The endpoint, and who gives tokens."""
        return self.url, self.authority


class Signature(Section):
    """How a request is signed: HMAC-SHA256 over its id, its time and its body."""

    secret: Credential
    scheme: Literal["standard", "hex"] = Field(
        "standard",
        description="standard: `v1,BASE64` over `ID.TIME.BODY`, as standardwebhooks.com has it; hex: `sha256=HEX` over"
        " `TIME.BODY`",
    )
    id_header: str = Field("webhook-id", pattern=r"^[A-Za-z0-9-]+$")
    timestamp_header: str = Field("webhook-timestamp", pattern=r"^[A-Za-z0-9-]+$")
    signature_header: str = Field("webhook-signature", pattern=r"^[A-Za-z0-9-]+$")


PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"


class ToWebhook(OverHttp):
    """Alerts as requests, one each: plain, or as a chat, PagerDuty or TheHive takes them."""

    kind: Literal["webhook"] = "webhook"
    url: Url | None = None
    url_from: Credential | None = Field(None, description="for a URL that is a secret itself, as of Slack and Teams")
    template: Literal["alert", "slack", "teams", "pagerduty", "thehive"] = "alert"
    format: Literal["ecs", "ocsf", "cim", "asim", "gelf"] = Field("ecs", description="of template alert")
    token: Credential | None = Field(
        None, description="sent as `Authorization: Bearer`; of pagerduty the routing key, in the body"
    )
    signature: Signature | None = None
    refused_statuses: tuple[int, ...] = Field(
        (400, 413, 422), description="answers that make an alert a dead letter; after any other it is kept and retried"
    )
    batch_count: int = Field(10, ge=1, description="alerts sent, one after the other, before it is noted they arrived")
    gzip: bool = Field(False, description="compress what is sent; few receivers of webhooks take that")

    @property
    def urls(self) -> tuple[str, ...]:
        """The receiver, where its address is no secret."""
        if self.url is None and self.url_from is None and self.template == "pagerduty":
            return (PAGERDUTY,)
        return (self.url,) if self.url else ()

    @property
    def place(self) -> str:
        """Host and port, or the template where the address is a secret."""
        return super().place or self.template

    @model_validator(mode="after")
    def _complete(self) -> "ToWebhook":
        if self.url is not None and self.url_from is not None:
            raise ValueError("url or url_from, not both")
        if self.url_from is None and not self.urls:
            raise ValueError("url or url_from is required")
        if self.template in ("pagerduty", "thehive") and self.token is None:
            raise ValueError(f"template {self.template} needs token")
        return self
