"""Read the lines of Apache's and nginx's error logs that name a client: failed log-ons, broken handshakes, errors.

The message itself is not kept, only which of a few known ones it is: it quotes paths, and paths hold identifiers.
"""

from typing import Final

import polars as pl

from detector.collect.formats.shape import Pattern

APACHE: Final = (
    r"^\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] \[[\w:.-]*\] "
    r"(?:\[pid \d+(?::tid \d+)?\] )?(?:\(\d+\)[^\[]*: )?\[client (?P<ip>[^\]\s]+)\] (?P<message>.*)$"
)
NGINX: Final = (
    r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\w+\] \d+#\d+: (?:\*\d+ )?(?P<message>.*), client: (?P<ip>[^,\s]+)"
    r', server: (?P<server>[^,\s]*)(?:, request: "(?P<request>(?:[^"\\]|\\.)*)")?'
    r'(?:, upstream: "[^"]*")?(?:, host: "(?P<host>[^"\s]*)")?(?:, referrer: "[^"]*")?$'
)

_APACHE_USER: Final = r"^AH\d+: user (?P<user>.*?)(?: not found|: authentication failure|: password mismatch)(?: for)?"
_NGINX_USER: Final = r'^user "(?P<user>.*)"(?:: password mismatch| was not found in )'
_KNOWN: Final = (
    ("password mismatch", r"(?i)password mismatch|authentication failure"),
    ("user not found", r"^AH01618|^user .* was not found in "),
    ("TLS handshake stopped", r"SSL handshake|SSL_do_handshake"),
    ("file not found", r"is not found|does not exist|No such file"),
    ("request limit reached", r"limiting (?:requests|connections)"),
    ("access forbidden", r"forbidden|client denied"),
    ("upstream failure", r"upstream"),
)


def _known(message: pl.Expr) -> pl.Expr:
    found: pl.Expr = pl.lit("server error")
    for name, regex in reversed(_KNOWN):
        found = pl.when(message.str.contains(regex)).then(pl.lit(name)).otherwise(found)
    return found


def _action(user: pl.Expr, message: pl.Expr) -> pl.Expr:
    known = _known(message)
    refused = user.is_not_null() | known.is_in(["password mismatch", "user not found"])
    handshake = known == "TLS handshake stopped"
    return (
        pl.when(refused)
        .then(pl.lit("http_auth"))
        .when(handshake)
        .then(pl.lit("tls_handshake"))
        .otherwise(pl.lit("server_error"))
    )


def shapes() -> tuple[Pattern, ...]:
    """Return the shapes of error lines that name a client."""
    message = pl.col("message")
    apache_user = message.str.extract(_APACHE_USER)
    nginx_user = message.str.extract(_NGINX_USER)
    apache = Pattern(
        name="apache_error",
        regex=APACHE,
        fields={
            "source.ip": pl.col("ip"),
            "user.name": apache_user,
            "url.original": pl.when(apache_user.is_not_null()).then(
                pl.coalesce(message.str.extract(r' for "(/[^"]*)":'), message.str.extract(r": (/\S*)"))
            ),
            "event.action": _action(apache_user, message),
            "event.outcome": pl.lit("failure"),
            "error.message": _known(message),
        },
        kinds=("apache_error",),
        escaped=True,
    )
    nginx = Pattern(
        name="nginx_error",
        regex=NGINX,
        fields={
            "source.ip": pl.col("ip"),
            "user.name": nginx_user,
            "url.domain": pl.coalesce("host", "server"),
            "event.action": _action(nginx_user, message),
            "event.outcome": pl.lit("failure"),
            "error.message": _known(message),
        },
        kinds=("nginx_error",),
        request="request",
        escaped=True,
        # The request is quoted as it came: a second `client` may be the client's own invention.
        refuse={"error line that names two clients": message.str.contains(", client: ", literal=True)},
    )
    return apache, nginx
