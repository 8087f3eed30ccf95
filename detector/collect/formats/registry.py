"""Build a format from its name or its description in the configuration."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from detector.collect.formats import (
    alb,
    apache,
    authelia,
    caddy,
    cas,
    combined,
    envelope,
    envoy,
    errorlog,
    haproxy,
    keycloak,
    lemonldap,
    nginx,
    npm,
    traefik,
    w3c,
    wellknown,
)
from detector.collect.formats.groups import from_regex
from detector.collect.formats.jsonlines import both
from detector.collect.formats.learned import Learned
from detector.collect.formats.shape import Shape
from detector.collect.formats.times import ANY, TimeSetting
from detector.collect.formats.trailing import Trailing
from detector.config import Format as Described
from detector.config import Input
from detector.errors import DetectorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A log format that lines can be read with.

    `shapes` are tried in order; `learned` is what the first lines told of them. `header` is None, or for W3C the
    `#Fields` line that holds until another comes (empty: none is known yet).
    """

    name: str
    shapes: tuple[Shape, ...]
    learned: Learned
    zone: str = "UTC"
    max_line_bytes: int = 65536
    header: str | None = None


Builder = Callable[[Learned, Input], tuple[Shape, ...]]
Learner = Callable[[pl.DataFrame], Learned]


def _access(name: str) -> Builder:
    def shapes(learned: Learned, _: Input) -> tuple[Shape, ...]:
        trailing = Trailing(roles=learned.trailing)
        return (*combined.shapes(name, host=learned.host, trailing=trailing), *errorlog.shapes())

    return shapes


def _share(shape: Shape, lines: pl.DataFrame) -> float:
    if lines.is_empty():
        return 0.0
    return int(shape.read(lines, TimeSetting())["reason"].is_null().sum()) / lines.height


BUILDERS: Final[dict[str, Builder]] = {
    "traefik": lambda _, __: traefik.shapes(),
    "caddy": lambda _, __: caddy.shapes(),
    "envoy": lambda _, settings: envoy.shapes(proxies_known=bool(settings.trusted_proxies)),
    "authelia": lambda _, __: authelia.shapes(),
    "keycloak": lambda _, __: keycloak.shapes(),
    "cas": lambda _, __: cas.shapes(),
    "lemonldap": lambda _, __: lemonldap.shapes(),
    "haproxy": lambda _, __: haproxy.shapes(),
    "aws_alb": lambda _, __: alb.shapes(),
    "w3c": lambda _, __: (w3c.W3C(name="w3c"),),
    "cloudfront": lambda _, __: (w3c.W3C(name="cloudfront", tab=True),),
    "common": _access("common"),
    "combined_session": _access("combined_session"),
    "combined_vhost": _access("combined_vhost"),
    "combined": _access("combined"),
    "nginx_proxy_manager": lambda _, __: (*npm.shapes(), *combined.shapes("combined"), *errorlog.shapes()),
    "json": lambda learned, _: both(wellknown.shape("json", learned.levels)),
}
"""The named formats, the most specific first: of two that read as many lines, `auto` takes the first."""

LEARNERS: Final[dict[str, Learner]] = {
    "combined_session": lambda _: Learned(trailing=("session",)),
    "combined_vhost": lambda lines: Learned(host=True, trailing=combined.learn_trailing(lines).roles),
    "combined": lambda lines: Learned(
        host=_share(combined.Combined(host=True), lines) > 0.5, trailing=combined.learn_trailing(lines).roles
    ),
    "json": lambda lines: Learned(levels=wellknown.levels(_sampled(lines))),
}
"""What formats learn of the first lines; the others are what their name says."""

HINTS: Final = {
    "traefik": r'"ClientHost"|ms *$',
    "caddy": '"uri"',
    "envoy": r'"start_time"|\[\d{4}-\d\d-\d\dT',
    "authelia": "authentication attempt|username input",
    "keycloak": r"\.events",
    "cas": "AuditTrailManager",
    "lemonldap": "LLNG|[Ll]emonldap",
    "haproxy": r"\d/-?\d+/|SSL handshake",
    "aws_alb": r"^\w+ \d{4}-\d\d-\d\dT",
    "w3c": "^#",
    "cloudfront": "\t",
    "nginx_proxy_manager": r"\[Client ",
    "json": r"\{",
}
"""What every log of a format shows in some line: `auto` tries only those of which it sees this."""

ALIASES: Final = {
    "alb": "aws_alb",
    "aws_cloudfront": "cloudfront",
    "clf": "common",
    "ecs": "json",
    "iis": "w3c",
    "lemonldap_ng": "lemonldap",
    "nginx_json": "json",
    "npm": "nginx_proxy_manager",
    "traefik_clf": "traefik",
    "traefik_json": "traefik",
    "vhost_combined": "combined_vhost",
}
_HEADERS: Final = {"w3c": "", "cloudfront": w3c.CLOUDFRONT}
_SAMPLED: Final = 200
"""Lines decoded one by one to learn how the fields of JSON lines are nested."""


def names() -> tuple[str, ...]:
    """Return the names that a configuration may give, without the aliases."""
    return ("auto", *sorted(BUILDERS))


def build(described: str | Described, lines: pl.DataFrame, settings: Input, learned: Learned | None = None) -> Format:
    """Build a format; the first lines tell what stands behind the combined format, and how JSON fields nest.

    `learned`: of a named format, what its first lines told before, instead of these.
    Raises: `DetectorError` when the name or the template is none.
    """
    lines = envelope.received(lines)
    if isinstance(described, Described):
        return Format(
            name=_kind(described),
            shapes=_described(described, _sampled(lines)),
            learned=Learned(lines_count=lines.height),
            zone=settings.timezone,
            max_line_bytes=settings.max_line_bytes,
        )
    name = canonical(described)
    if name not in BUILDERS:
        raise DetectorError(f"no such format: {described!r}, required one of {', '.join(names())}")
    learned = learned or replace(_learn(name, lines), lines_count=lines.height)
    return Format(
        name=name,
        shapes=BUILDERS[name](learned, settings),
        learned=learned,
        zone=settings.timezone,
        max_line_bytes=settings.max_line_bytes,
        header=_HEADERS.get(name),
    )


def canonical(name: str) -> str:
    """Return the name that a format's alias stands for; any other as it is."""
    plain = name.replace("-", "_")
    return ALIASES.get(plain, plain)


def _learn(name: str, lines: pl.DataFrame) -> Learned:
    return LEARNERS[name](lines) if name in LEARNERS else Learned()


def _sampled(lines: pl.DataFrame) -> list[str]:
    return lines["line"].head(_SAMPLED).to_list()


def _kind(described: Described) -> str:
    return next(kind for kind in ("nginx", "apache", "json_fields", "regex") if getattr(described, kind) is not None)


def _described(described: Described, sample: list[str]) -> tuple[Shape, ...]:
    kinds = (described.time_format,) if described.time_format else ()
    if described.nginx is not None:
        return (*nginx.shapes(described.nginx, sample, kinds), *errorlog.shapes())
    if described.apache is not None:
        return (*apache.shapes(described.apache, kinds), *errorlog.shapes())
    if described.json_fields is not None:
        return both(wellknown.named(described.json_fields, sample, kinds or ANY))
    return (from_regex(described.regex or "", kinds or ANY),)
