"""Cut the stream where local days end: models learn there, whatever the chunking."""

from collections.abc import Iterator
from datetime import date

import polars as pl

from detector import schema


def cut_at_midnight(events: pl.DataFrame, today: date | None) -> Iterator[tuple[date, pl.DataFrame]]:
    """Cut events at local midnight. A late event belongs to the day that runs when it comes.

    Shapes: EVENT with LATE and `today`, the day that runs -> a day and its part, a loop a day.
    """
    if events.is_empty():
        return
    floor = pl.lit(today, pl.Date)
    on_time = pl.when(~pl.col(schema.LATE)).then(pl.col("portal.local_date"))
    dated = events.with_columns(pl.max_horizontal(on_time.cum_max().forward_fill(), floor).backward_fill().alias("day"))
    first = dated.get_column("day").item(0)
    if first is None:
        dated = dated.with_columns(pl.col("day").fill_null(pl.col("portal.local_date").max()))
    for (day,), part in dated.group_by("day", maintain_order=True):
        if isinstance(day, date):
            yield day, part.drop("day")
