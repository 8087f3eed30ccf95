"""An alert as chats, PagerDuty and TheHive take it.

What stands in an alert may be an attacker's: the name of an account, a user agent. No text here makes a link, mentions
somebody or formats anything at the receiver.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from detector.clock import rfc3339
from detector.emit.alert import Alert, who
from detector.emit.alert.fit import fit
from detector.emit.alert.plain import listed, printable

MOST_OBSERVABLES: Final = 50

_SLACK: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_PAGERDUTY: Final = {"critical": "critical", "high": "error", "medium": "warning", "low": "info",
                     "informational": "info"}  # fmt: skip
_THEHIVE: Final = {"informational": 1, "low": 1, "medium": 2, "high": 3, "critical": 4}


def body(template: str, alert: Alert, token: str | None) -> bytes:
    """Return the request of `alert`, trimmed to the size of any rendered alert. `token` is PagerDuty's routing key."""

    def write(part: Alert, _: Mapping[str, int]) -> bytes:
        return json.dumps(_TEMPLATES[template](part, token), separators=(",", ":")).encode()

    return fit(alert, write)


def inert(text: str) -> str:
    """Return `text` in one line with nothing in it that a chat turns into a link."""
    return re.sub(r"(?i)\bwww\.", "www[.]", printable(text).replace("://", "[:]//"))


def escaped_markdown(text: str) -> str:
    """Return `text` as Markdown that shows it as it is. Source: CommonMark, backslash escapes."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", inert(text))


def _title(alert: Alert) -> str:
    """Return what the alert is in words of ours and of the rule's author."""
    return f"{alert.level.capitalize()}, {alert.state}: {alert.rule_name}"


def _facts(alert: Alert) -> Iterator[tuple[str, str]]:
    yield "Account", listed(alert.users) or alert.account or "none"
    yield "Source", listed(alert.ips) or alert.source_ip or "none"
    yield "Insured persons displayed", f"{alert.subjects_count:,}"
    yield "Since", rfc3339(alert.start)
    yield "Risk", f"{alert.risk:.0f} of 100"
    if alert.techniques:
        yield "ATT&CK", ", ".join(alert.techniques)
    yield "Next step", alert.next_step
    yield "Incident", alert.incident_id
    yield "Alert", alert.id


def _slack(alert: Alert, _: str | None) -> dict[str, Any]:
    """Source: Slack, Sending messages using incoming webhooks; Block Kit; Formatting text, Escaping text."""
    facts = [_slack_text(f"{name}\n", value, 2000) for name, value in _facts(alert)]
    return {
        "text": _slack_text("", _title(alert), 300)["text"],
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {"type": "header", "text": _slack_text("", _title(alert), 150)},
            {"type": "section", "text": _slack_text("", alert.message, 3000)},
            {"type": "section", "fields": facts},
        ],
    }


def _slack_text(ours: str, text: str, most: int) -> dict[str, Any]:
    """Return a text that Slack does not format, of at most `most` characters as they are sent."""
    out, left = [], most - 1
    for c in ours + inert(text):
        shown = _SLACK.get(c, c)
        if len(shown) > left:
            out.append("…")
            break
        out.append(shown)
        left -= len(shown)
    return {"type": "plain_text", "text": "".join(out), "emoji": False}


def _teams(alert: Alert, _: str | None) -> dict[str, Any]:
    """Source: Adaptive Cards, RichTextBlock and TextRun, which know no Markdown, as TextBlock and Fact do."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            _rich((_title(alert), {"weight": "Bolder", "size": "Medium"})),
            _rich((alert.message, {})),
            *(_rich((f"{name}: ", {"weight": "Bolder"}), (value, {})) for name, value in _facts(alert)),
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _rich(*runs: tuple[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": inert(text), **look} for text, look in runs],
    }


def _pagerduty(alert: Alert, token: str | None) -> dict[str, Any]:
    """Source: PagerDuty, Events API v2, Send an alert event; PD-CEF."""
    event = {"routing_key": token, "dedup_key": alert.incident_id, "client": "portal-detector"}
    if alert.state == "closed":
        return event | {"event_action": "resolve"}
    payload = {
        "summary": inert(f"{_title(alert)}: {alert.message}")[:1024],
        "source": inert(who.user_of(alert) or alert.source_ip or "portal"),
        "severity": _PAGERDUTY[alert.level],
        "timestamp": rfc3339(alert.timestamp),
        "component": "portal",
        "group": alert.rule_category,
        "class": inert(alert.rule_name),
        "custom_details": {name: inert(value) for name, value in _facts(alert)}
        | {"Reasons": [inert(one.text) for one in alert.reasons]},
    }
    return event | {"event_action": "trigger", "payload": payload}


def _thehive(alert: Alert, _: str | None) -> dict[str, Any]:
    """Source: TheHive 5 API, Create Alert; its description is Markdown."""
    accounts = dict.fromkeys(filter(None, map(printable, alert.users)))
    lines = [f"**{name}:** {escaped_markdown(value)}" for name, value in _facts(alert)]
    lines += [f"- {escaped_markdown(one.text)}" for one in alert.reasons]
    return {
        "type": "portal-detector",
        "source": "portal-detector",
        "sourceRef": alert.id,
        "title": inert(_title(alert))[:512],
        "description": "\n\n".join([escaped_markdown(alert.message), *lines]),
        "severity": _THEHIVE[alert.level],
        "date": int(alert.timestamp.timestamp() * 1000),
        "tags": [
            f"incident:{alert.incident_id}",
            f"state:{alert.state}",
            *(f"attack:{one}" for one in alert.techniques),
        ],
        "tlp": 2,
        "pap": 2,
        "observables": [
            *({"dataType": "ip", "data": one} for one in who.addresses(alert)[:MOST_OBSERVABLES]),
            *(
                {"dataType": "other", "data": one, "message": "account", "tags": ["account"]}
                for one in list(accounts)[:MOST_OBSERVABLES]
            ),
        ],
    }


_TEMPLATES: Final[dict[str, Callable[[Alert, str | None], dict[str, Any]]]] = {
    "slack": _slack,
    "teams": _teams,
    "pagerduty": _pagerduty,
    "thehive": _thehive,
}
