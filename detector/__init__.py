"""Catch abused accounts on professional portals from their access logs."""

from typing import Final

VERSION: Final = "0.4.0"
