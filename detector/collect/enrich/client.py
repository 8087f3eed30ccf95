"""Say what client an agent string is: family, version, system, device, and whether a person drives it."""

from typing import TYPE_CHECKING, Final

import polars as pl

from detector.collect.enrich.mask import masked_agent

if TYPE_CHECKING:
    from ua_parser import Result

SCHEMA: Final = pl.Schema(
    {
        "user_agent.name": pl.String,
        "user_agent.version": pl.String,
        "user_agent.os.name": pl.String,
        "user_agent.device.name": pl.String,
        "portal.client": pl.String,
        "portal.client_kind": pl.String,
    }
)

LONGEST: Final = 512
"""Characters of an agent that are looked at. No program's own is as long, and each is asked a thousand expressions: one
of 8 KB, which anybody may send, would take as long as ten thousand plain lines.
"""
HEADLESS: Final = (
    r"(?i)headless|phantomjs|selenium|webdriver|puppeteer|playwright|cypress|slimerjs|splash|electron.*nightmare"
)
BOT: Final = (
    r"(?i)bot\b|bot[/;) ]|crawl|spider|slurp|archiver|facebookexternalhit|mediapartners|pingdom|uptime|monitor"
    r"|nagios|zabbix|check_http|datadog|statuscake|site24x7|newrelic"
)
SCRIPT: Final = (
    r"(?i)^$|^-$|curl|wget|python|urllib|aiohttp|httpx|requests|scrapy|go-http|go-resty|^java|jakarta|apache-http"
    r"|httpclient|okhttp|axios|node-fetch|undici|got \(|superagent|libwww|lwp|perl|ruby|faraday|httparty|guzzle"
    r"|php|postman|insomnia|httpie|rest-client|restsharp|powershell|winhttp|nikto|sqlmap|nmap|masscan|zgrab|nuclei"
    r"|gobuster|dirbuster|ffuf|wfuzz|feroxbuster|burp|zaproxy|hydra|jmeter|gatling|k6/|locust|loadrunner|soapui"
    r"|cxf|axis2?/|wsimport|ms web services|reqwest|hyper/|colly"
)
MOBILE_APP: Final = r"(?i)cfnetwork|dalvik|dart[:/]|; wv\)|alamofire|okhttp/.*(?:android|mobile)"
NATIVE_APP: Final = r"(?i)^[\w .-]+/[\w.]+ \((?:iphone|ipad|ios|android)"
BROWSER: Final = r"^(?:Mozilla|Opera)/"
"""Searched in this order: headless, bot, mobile app, script, browser. What fits none is a script:
software that names itself as nothing known."""


def read_clients(agents: pl.DataFrame) -> pl.DataFrame:
    """Read unique agents with ua-parser's rules (matched in Rust, about 12 us each).

    Shapes: {user_agent.original} -> the same rows with `SCHEMA`'s columns and `agent` (masked) beside; nulls where
    no agent is logged.
    """
    from ua_parser import parse  # compiles its rules: a tenth of a second that `--help` must not wait for

    shown = agents["user_agent.original"].str.head(LONGEST)
    rows = [_describe(parse(agent)) if agent else (None,) * 4 for agent in shown]
    names = list(SCHEMA)[:4]
    read = agents.hstack(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"))
    return read.with_columns(_client(), _kind(), masked_agent(agents["user_agent.original"]).alias("agent"))


def _describe(found: "Result") -> tuple[str | None, str | None, str | None, str | None]:
    agent, system, device = found.user_agent, found.os, found.device
    return (
        agent.family if agent else "Other",
        agent.major if agent else None,
        system.family if system else "Other",
        device.family if device else None,
    )


def _client() -> pl.Expr:
    logged = pl.col("user_agent.original").is_not_null()
    return pl.when(logged).then(pl.format("{}/{}", "user_agent.name", "user_agent.os.name")).alias("portal.client")


def _kind() -> pl.Expr:
    agent = pl.col("user_agent.original").str.head(LONGEST)
    return (
        pl.when(agent.is_null())
        .then(None)
        .when(agent.str.contains(HEADLESS))
        .then(pl.lit("headless"))
        .when(agent.str.contains(BOT))
        .then(pl.lit("bot"))
        .when(agent.str.contains(MOBILE_APP) | (agent.str.contains(NATIVE_APP) & ~agent.str.contains(BROWSER)))
        .then(pl.lit("mobile_app"))
        .when(agent.str.contains(SCRIPT))
        .then(pl.lit("script"))
        .when(agent.str.contains(BROWSER))
        .then(pl.lit("browser"))
        .otherwise(pl.lit("script"))
        .alias("portal.client_kind")
    )
