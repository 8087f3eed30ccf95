"""From when on a detector that runs is not well, or blind."""

from pydantic import Field

from detector.config.section import Section


class Health(Section):
    """From when on a running detector is not well: what `/health` and `detector status` answer by."""

    heartbeat: bool = Field(True, description="whether a source that is silent when it never is raises an incident")
    stalled_s: float = Field(120.0, gt=0, description="without a turn of the loop")
    behind_s: float = Field(600.0, gt=0, description="behind the writers, while there is more to read")
    sink_s: float = Field(900.0, gt=0, description="in which a sink took none of what waits for it")
    least_free_bytes: int = Field(268_435_456, ge=0, description="left on the disk of the state")
