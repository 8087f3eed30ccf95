"""Figures for Prometheus and answers about health, over HTTP."""

import ipaddress
import re
from typing import Final

from pydantic import Field, model_validator

from detector.config.section import Section

_LISTEN: Final = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")


class Metrics(Section):
    """Where `tail` answers Prometheus and those who watch it. Nowhere, unless it is asked for."""

    listen: str | None = Field(
        None, description="address and port: 127.0.0.1:9477, [::1]:9477; null: no port is opened"
    )
    open_to_network: bool = Field(False, description="whether the address may be one that others reach")

    @property
    def address(self) -> tuple[str, int] | None:
        """The address and port to listen at."""
        found = _LISTEN.fullmatch(self.listen or "")
        return None if found is None else (found["v6"] or found["v4"], int(found["port"]))

    @model_validator(mode="after")
    def _reachable(self) -> "Metrics":
        if self.listen is None:
            return self
        if self.address is None or self.address[1] > 65_535:
            raise ValueError(f"listen: {self.listen!r} is no address and port; required 127.0.0.1:9477 or [::1]:9477")
        try:
            own = ipaddress.ip_address(self.address[0]).is_loopback
        except ValueError as fault:
            raise ValueError(f"listen: {fault}") from None
        if not own and not self.open_to_network:
            raise ValueError(
                f"listen: others can reach {self.address[0]}, and whoever does reads the figures without a password:"
                " required a loopback address, or `open_to_network: true`"
            )
        return self
