"""Write an alert in the Common Event Format, version 0.

Source: ArcSight Common Event Format, implementation standard 25.1, header fields, extension dictionary (producer
fields and their lengths) and character encoding. `c6a2` for an IPv6 source, as `src` takes IPv4 only, is the
convention of F5 and Palo Alto.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from detector import VERSION
from detector.emit.alert import who
from detector.emit.alert.fit import short
from detector.emit.alert.plain import listed, printable
from detector.emit.alert.record import WHOLE, Alert, Trimmed

SEVERITY: Final = {"informational": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}
"""Of 0 to 10; the standard's words for them: Low to 3, Medium to 6, High to 8, Very-High."""

_LENGTH: Final = {"msg": 1023, "suser": 1023, "shost": 1023, "requestClientApplication": 1023}

_LABEL: Final = {
    "cn1": "insuredPersons", "cn2": "riskScore", "cn3": "trimmed", "cs1": "incidentId", "cs2": "mitreAttack",
    "cs3": "reasons", "cs4": "relatedUsers", "cs5": "relatedAddresses", "cs6": "nextStep",
    "c6a2": "Source IPv6 Address",
}  # fmt: skip


def cef(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> str:
    """Return the line of `alert`; times are milliseconds since 1970, texts of a log stand last."""
    head = ("portal-detector", "portal-detector", short(VERSION, 31), short(printable(alert.rule_id), 1023),
            short(printable(alert.rule_name), 512), str(SEVERITY[alert.level]))  # fmt: skip
    extension = {
        "externalId": alert.id,
        "cat": f"portal/{alert.rule_category}",
        "act": f"incident_{alert.state}",
        "rt": _ms(alert.timestamp),
        "start": _ms(alert.start),
        "end": _ms(alert.end),
        "cnt": alert.signals_count,
        "cn1": alert.subjects_count,
        "cn2": round(alert.risk),
        "cn3": sum(trimmed.values()) or None,
        "cs1": alert.incident_id,
        "cs2": ", ".join((*alert.tactics, *alert.techniques)),
        **_source(alert),
        "suser": who.user_of(alert),
        "cs3": "\n".join(one.text for one in alert.reasons),
        "cs4": listed(alert.users),
        "cs5": listed((*who.addresses(alert), *who.hosts(alert))),
        "cs6": alert.next_step,
        "requestClientApplication": alert.client,
        "msg": alert.message,
    }
    return "|".join(("CEF:0", *map(_header, head), " ".join(_pairs(extension))))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _source(alert: Alert) -> dict[str, str | None]:
    ip = who.address(alert.source_ip)
    if ip:
        return {"c6a2" if ":" in ip else "src": ip}
    return {"shost": alert.source_ip}


def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _pairs(extension: Mapping[str, str | int | None]) -> Iterator[str]:
    for key, value in extension.items():
        text = "" if value is None else _escaped(key, str(value))
        if text:
            yield f"{key}={text}"
            if key in _LABEL:
                yield f"{key}Label={_LABEL[key]}"


def _escaped(key: str, value: str) -> str:
    """Escape for an extension: backslash, equals sign, a line's end; other controls are written out before."""
    lines = value.replace("\r\n", "\n").split("\n")
    text = short("\n".join(map(printable, lines)), _LENGTH.get(key, 4000)).strip()
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")
