"""Secrets and TLS: what sinks that leave this machine have in common."""

import os
import ssl
from collections.abc import Iterator

from pydantic import BaseModel

from detector.config import Credential, Tls
from detector.errors import DetectorError


def read_secret(credential: Credential) -> str:
    """Return the secret that `credential` names. Read it anew at each connection: it may be renewed while we run.

    Raises: DetectorError, which names the place and never the secret.
    """
    if credential.file is None:
        name = credential.env or ""
        text, place = os.environ.get(name, ""), f"environment variable {name}"
    else:
        place = str(credential.file)
        try:
            text = credential.file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "not UTF-8"
            raise DetectorError(f"{place}: a secret is required there: {why}") from None
    text = text.strip()
    if not text or not text.isprintable():
        raise DetectorError(f"{place}: a secret is required there, one line; it is {'not that' if text else 'empty'}")
    return text


def lacking_secrets(section: BaseModel, *at: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield for each secret in `section` that cannot be read the keys that lead to it, and why."""
    for key, value in section:
        if isinstance(value, Credential):
            try:
                read_secret(value)
            except DetectorError as fault:
                yield (*at, key), str(fault)
        elif isinstance(value, BaseModel):
            yield from lacking_secrets(value, *at, key)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return a client's context that verifies the receiver's certificate and its name. Raises: DetectorError."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as fault:  # ssl.SSLError is one
        raise DetectorError(f"{tls.ca_file}: certificates in PEM are required there: {_why(fault)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.client_cert is not None:
        password = read_secret(tls.client_key_password) if tls.client_key_password else ""
        try:
            context.load_cert_chain(tls.client_cert, tls.client_key, lambda: password)
        except OSError as fault:
            place = f"{tls.client_cert}, {tls.client_key or 'with its key'}"
            raise DetectorError(f"{place}: a certificate and its key in PEM are required: {_why(fault)}") from None
    return context


def _why(fault: OSError) -> str:
    return getattr(fault, "reason", None) or fault.strerror or str(fault)
