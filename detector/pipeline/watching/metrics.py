"""Tell the figures of a detector to Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from detector.pipeline.watching.figures import Figures
from detector.pipeline.watching.health import CODES
from detector.telemetry import RELOADS

NAME: Final = "portal_detector"

Samples = Iterable[tuple[list[str], float]]
"""Values of the labels, and the number."""


class DetectorCollector(Collector):
    """Yields the metrics of the figures at hand. `ask` gives them, and the codes of the concerns of now."""

    def __init__(self, ask: Callable[[], tuple[Figures, set[str]]]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, named and typed as Prometheus asks."""
        figures, concerns = self._ask()
        yield _info(figures)
        yield _gauge(
            "unhealthy", "1 for each reason why the detector is not well", ["reason"],
            (([code], code in concerns) for code in CODES),
        )  # fmt: skip
        yield from _reading(figures)
        yield from _alerting(figures)
        yield from _sinks(figures)
        yield from _keeping(figures)


def _info(figures: Figures) -> Metric:
    names = ["version", "polars", "river"]
    values = [figures.version, version("polars"), version("river")]
    return _gauge("build_info", "1, labelled with the versions that run", names, [(values, 1)])


def _reading(figures: Figures) -> Iterator[Metric]:
    behind = figures.behind
    yield _total("lines", "Lines read: events and rejects", figures.lines)
    yield _total("events", "Lines that became events", figures.events)
    yield _counter("rejects", "Lines that could not be read, by reason", ["reason"], _pairs(figures.rejects))
    yield _total("skipped_lines", "Blank lines and directives", figures.skipped)
    yield _total("late_events", "Events later than the lateness allows, searched by rules only", figures.late)
    yield _value("held_events", "Events that wait for what may come before them", figures.held)
    yield _value("late_share", "Share of late ones among the last 100 events or more", figures.late_share)
    yield _total("read_bytes", "Bytes of log read, decompressed", figures.read_bytes)
    yield _value("behind_lines", "Lines written and not read yet, by their mean length", behind.lines)
    yield _value("behind_bytes", "Bytes written and not read yet", behind.bytes)
    yield _value("behind_seconds", "Age of the latest event read, while there is more to read; else 0", behind.seconds)
    yield _value("refused_logs", "Logs that cannot be opened", figures.refused)
    yield _value("source_silent", "1 while no line comes at an hour when there always are some", _since(figures))
    yield from _moment("last_event", "Time of the latest event read", figures.last_event)
    yield from _moment("last_commit", "When the state was committed last", figures.last_commit)
    yield _counter("stage_seconds", "Time spent, by stage", ["stage"], _pairs(figures.seconds_by_stage))


def _alerting(figures: Figures) -> Iterator[Metric]:
    by_rule = (([rule, level], n) for rule, levels in figures.alerts.items() for level, n in levels.items())
    yield _counter("alerts", "Alerts raised, by rule or model and level", ["rule", "level"], by_rule)
    yield _counter("incident_turns", "Incidents opened, escalated and closed", ["state"], _pairs(figures.turns))
    yield _gauge("open_incidents", "Incidents that are open, by level", ["level"], _pairs(figures.open_incidents))
    yield _counter("faults", "Faults that did not stop the rest, by component", ["component"], _pairs(figures.faults))
    outcomes = (([outcome], figures.counts.get(name, 0)) for outcome, name in RELOADS.items())
    yield _counter("reloads", "Times that the configuration was read anew, by outcome", ["outcome"], outcomes)


def _sinks(figures: Figures) -> Iterator[Metric]:
    names = [one.label for one in figures.sinks]
    labels = names if len(set(names)) == len(names) else [one.name for one in figures.sinks]
    sinks = [([label], one) for label, one in zip(labels, figures.sinks, strict=True)]
    by = ["sink"]
    yield _gauge("sink_pending_alerts", "Alerts that wait for the sink", by, ((at, s.pending) for at, s in sinks))
    yield _gauge("sink_dead_letters", "Alerts the sink refused", by, ((at, s.dead_letters) for at, s in sinks))
    yield _gauge("sink_stuck_seconds", "How long it took none that wait", by, ((at, s.stuck_s) for at, s in sinks))
    yield _counter("sink_delivered_alerts", "Alerts delivered", by, ((at, s.delivered) for at, s in sinks))
    yield _counter("sink_dropped_alerts", "Alerts dropped for want of room", by, ((at, s.dropped) for at, s in sinks))
    yield _counter("sink_faults", "Faults of the sink", by, ((at, s.faults) for at, s in sinks))
    yield _counter("sink_retries", "Alerts sent back and tried again", by, ((at, s.retries) for at, s in sinks))
    failed = ((at, datetime.fromisoformat(s.last_fault_at).timestamp()) for at, s in sinks if s.last_fault_at)
    yield _gauge("sink_last_fault_timestamp_seconds", "When the sink failed last", by, failed)
    yield _value("outbox_bytes", "Alerts kept in the outbox", figures.outbox_bytes)


def _keeping(figures: Figures) -> Iterator[Metric]:
    yield _value("state_bytes", "Files of the state directory", figures.state_bytes)
    if figures.free_bytes is not None:
        yield _value("state_free_bytes", "Left on the disk of the state", figures.free_bytes)
    yield _value("accounts_in_memory", "Accounts whose models are in memory; the others are on disk",
                 figures.accounts_in_memory)  # fmt: skip
    yield _counter("evicted", "Memories let go for want of room", ["what"], _pairs(figures.evicted))


def _pairs(counts: Mapping[str, float]) -> Samples:
    return (([name], count) for name, count in counts.items())


def _since(figures: Figures) -> float:
    return float(figures.silent_since is not None)


def _moment(name: str, about: str, moment: datetime | None) -> Iterator[Metric]:
    if moment is not None:
        yield _value(f"{name}_timestamp_seconds", about, moment.timestamp())


def _total(name: str, about: str, number: float) -> Metric:
    return _counter(name, about, [], [([], number)])


def _value(name: str, about: str, number: float) -> Metric:
    return _gauge(name, about, [], [([], number)])


def _counter(name: str, about: str, labels: list[str], samples: Samples) -> Metric:
    metric = CounterMetricFamily(f"{NAME}_{name}", about, labels=labels)
    for values, number in samples:
        metric.add_metric(values, number)
    return metric


def _gauge(name: str, about: str, labels: list[str], samples: Samples) -> Metric:
    metric = GaugeMetricFamily(f"{NAME}_{name}", about, labels=labels)
    for values, number in samples:
        metric.add_metric(values, float(number))
    return metric
