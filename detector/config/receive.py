"""How log lines are received, instead of read from files."""

from pydantic import Field

from detector.config.section import Section


class Receive(Section):
    """How log lines are received, instead of read from files."""

    allow_remote: bool = Field(False, description="whether to receive at addresses that other machines reach")
    max_connections: int = Field(100, ge=1)
    idle_s: float = Field(600.0, ge=0, description="a connection that was silent so long gives way to a new one")
    spool_bytes: int = Field(
        1024**3, ge=1024**2, description="what one address may keep on disk; then senders are held, datagrams dropped"
    )
