"""Order signals as their events came: those of lines that came too late stand where they came, each by itself."""

import polars as pl


def as_they_came(signals: pl.DataFrame) -> pl.DataFrame:
    """Sort signals by when they could be known, in event time.

    What kept the order stands by `@timestamp`, `rule.id`, `signal.key`. A late signal stands behind all of the moment
    that time had reached when it came: these are seen in one batch, it may be in the next. Late ones keep their order.

    Shapes: SIGNAL -> the same rows.
    """
    came = pl.col("signal.came")
    on_time = came.is_null()
    names = [pl.when(on_time).then(name) for name in ("rule.id", "signal.key")]
    return signals.sort(pl.coalesce(came, "@timestamp"), ~on_time, *names, maintain_order=True)
