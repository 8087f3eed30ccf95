"""Follow live logs through the flow, and commit after every batch."""

from collections.abc import Sequence
from contextlib import closing
from os import PathLike
from typing import Final

from detector import clock
from detector.collect.reader import Reader
from detector.collect.source.follow import Follower
from detector.pipeline.flow import SEEN, Pipeline, Progress, told
from detector.telemetry import log

POLL_S: Final = 0.25
"""How long a quiet log rests between two looks: half of it is added to an alert's way, on average."""


def tail(
    pipeline: Pipeline,
    paths: Sequence[str | PathLike[str]],
    *,
    from_start: bool = False,
    once: bool = False,
    idle_exit_s: float | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Follow files and commit after every batch; end when `once` nothing is left, or after a quiet time.

    Raises: `InputError` for a path that cannot be followed.
    """
    settings, positions = pipeline.config.input, pipeline.positions
    source = Follower(paths, settings, positions, from_start=from_start)
    reader = Reader(source, pipeline.enricher.enrich, pipeline.sequencer, settings, positions)
    for path in source.awaited:
        log.warning("nothing is there yet; it is waited for", extra={"path": path})
    last = clock.monotonic_s()
    with closing(source), closing(pipeline.checkpoint), closing(pipeline), pipeline.delivery:
        while True:
            pipeline.take_up()
            for got in reader.batches():
                pipeline.delivery.make_room(wait=not (once or idle_exit_s is not None))
                alerts = pipeline.take(got, on_progress)
                pipeline.positions = dict(got.positions)
                pipeline.commit(alerts, got.events)
                pipeline.take_up()
                pipeline.attend(pipeline, False)
                last = clock.monotonic_s() if got.lines else last
            pipeline.attend(pipeline, False)
            quiet_s = clock.monotonic_s() - last
            if once or (idle_exit_s is not None and quiet_s >= idle_exit_s):
                break
            clock.pause(POLL_S)
        _settle(pipeline, reader, on_progress)
        pipeline.delivery.drain()
        for path in (*source.lost, *source.refused):
            pipeline.telemetry.fault("source", f"{path}: not read to its end")


def _settle(pipeline: Pipeline, reader: Reader, on_progress: Progress | None) -> None:
    """Judge what is held, as if nothing came after it; but save the state from before.

    Lines may still come that belong between those held. The next run finds them held again, orders them with
    what came, and repeats the same alerts with the same ids.
    """
    saved, before = pipeline.snapshot(), pipeline.seen
    database = pipeline.checkpoint.database
    database.execute("SAVEPOINT settle")
    alerts = pipeline.take(reader.settle(), on_progress) + pipeline.rule(pipeline.seen)
    database.execute("ROLLBACK TO settle")
    database.execute("RELEASE settle")
    pipeline.checkpoint.write_snapshot(saved | {SEEN: told(before, pipeline.seen)})
    pipeline.put(alerts)
