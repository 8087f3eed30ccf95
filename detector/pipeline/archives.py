"""Read archives through the flow, to their end."""

from collections.abc import Sequence
from contextlib import closing
from os import PathLike

from detector.checkpoint.faults import named
from detector.collect.reader import Reader, first_time
from detector.collect.source.files import Files
from detector.emit.alert import Alert
from detector.pipeline.flow import Pipeline, Progress
from detector.pipeline.slack import give_back


def batch(pipeline: Pipeline, paths: Sequence[str | PathLike[str]], on_progress: Progress | None = None) -> None:
    """Read files to their end, oldest event first. A state is committed once, at the end.

    Raises: `InputError` for a path that cannot be read, `StateWriteError` for a disk that takes nothing.
    """
    source = Files(paths, pipeline.config.input, first_time(pipeline.config.input))
    pipeline.telemetry.bytes_total = source.total_bytes
    with (
        named(pipeline.checkpoint.path),
        closing(source),
        closing(pipeline.checkpoint),
        closing(pipeline),
        pipeline.delivery,
    ):
        pipeline.delivery.make_room()
        pipeline.take_up()
        _read(pipeline, source, on_progress)
        pipeline.delivery.drain()


def _read(pipeline: Pipeline, source: Files, on_progress: Progress | None) -> None:
    reader = Reader(source, pipeline.enricher.enrich, pipeline.sequencer, pipeline.config.input)
    kept: list[Alert] = []
    for got in reader.batches():
        alerts = pipeline.take(got, on_progress)
        if pipeline.checkpoint.durable:
            kept += alerts
            give_back()  # as each save does: here the only one comes at the end
        else:
            pipeline.commit(alerts, got.events)
            pipeline.delivery.make_room()
    kept += pipeline.take(reader.settle(), on_progress)
    pipeline.save(kept)
