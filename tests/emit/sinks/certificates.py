"""Certificates for receivers and senders of one test run, made by openssl."""

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = "subjectAltName=DNS:siem.example.org,IP:127.0.0.1"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder: Path) -> Path:
    """Make ca.pem, server.pem, client.pem with their keys (.key), and other.pem, an authority that signed nothing."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for name in ("ca", "other"):
        openssl(folder, *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name in ("server", "client"):
        signed = (
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-addext",
            NAMES,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        )
        openssl(
            folder, *new, *signed, "-subj", f"/CN={name}.example.org", "-keyout", f"{name}.key", "-out", f"{name}.pem"
        )
    return folder
