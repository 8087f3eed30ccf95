"""Every kind of correlation through the whole program: over midnight, rotated files and restarts, the same alerts."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from detector import config
from detector.emit.sinks.file import FileSink
from detector.emit.summary import summarize as tell_summary
from detector.language.words import Words
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch
from detector.pipeline.live import tail
from detector.telemetry import Telemetry

KINDS = {
    "count": "type: event_count, condition: {gte: 3}",
    "distinct": "type: value_count, condition: {field: cs-uri-stem, gte: 3}",
    "several": "type: value_count, condition: {field: [c-ip, cs-uri-stem], gte: 3}",
    "sum": "type: value_sum, condition: {field: sc-bytes, gte: 600}",
    "average": "type: value_avg, condition: {field: sc-bytes, gt: 199.5}",
    "median": "type: value_median, condition: {field: sc-bytes, gte: 200, lte: 200}",
    "percentile": "type: value_percentile, condition: {field: sc-bytes, gte: 300, percentile: 100}",
    "near": "type: temporal",
    "ordered": "type: temporal_ordered",
    "either": "type: temporal, condition: KIND_c and (KIND_a or not KIND_b)",
    "bucket": "type: event_count, condition: {gt: 2}",
    "waited": "type: event_count, condition: {gte: 1}",
    "session": "type: event_count, condition: {gte: 3}",
    "relative": "type: event_count, condition: {gte: 2}",
}
CUSTOM = {
    "bucket": "leak: 10m",
    "waited": "also: [{type: pause, gte: 100s}]",
    "session": "gap: 2m",
    "relative": "also: [{type: value_count, field: url.path, gte_times: 1}, {type: event_count, timespan: 1d, gt: 2}]",
}
PARTS = "abc"
EVENTS = """
title: {kind} {part}
name: {kind}_{part}
logsource: {{category: webserver}}
detection: {{s: {{cs-uri-stem: /{kind}/{part}}}, condition: s}}
"""
COUNTED = """
title: {kind}
level: high
correlation: {{{body}, rules: [{kind}_a, {kind}_b, {kind}_c], group-by: [c-ip], timespan: 5m}}
custom: {{{custom}}}
"""
CHAIN = """
title: two
name: two
correlation: {type: event_count, condition: {gte: 2}, rules: [chain_a, chain_b], group-by: [c-ip], timespan: 5m}
---
title: chain
level: high
correlation: {type: temporal_ordered, rules: [two, chain_c], group-by: [c-ip], timespan: 5m}
"""
LOCAL_MIDNIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
STEPS = (timedelta(seconds=-90), timedelta(0), timedelta(minutes=2))


def begins(place: int) -> datetime:
    """Half of them go over midnight in Paris, half over midnight in UTC."""
    return LOCAL_MIDNIGHT + timedelta(hours=place % 2)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    rules = tmp_path_factory.mktemp("rules")
    texts = [EVENTS.format(kind=kind, part=part) for kind in [*KINDS, "chain"] for part in PARTS]
    for kind, body in KINDS.items():
        texts.append(COUNTED.format(kind=kind, body=body.replace("KIND", kind), custom=CUSTOM.get(kind, "")))
    (rules / "pack.yml").write_text("---".join([*texts, CHAIN]), "utf-8")
    section = config.Rules(shipped=False, folders=(rules,))
    return config.load().model_copy(update={"rules": section, "models": config.Models(enabled=False)})


LINES = sorted(
    (begins(place) + step, f"192.0.2.{place}", f"/{kind}/{part}", size)
    for place, kind in enumerate([*KINDS, "chain"])
    for step, part, size in zip(STEPS, PARTS, (100, 200, 300), strict=True)
)
EXPECTED = {
    (kind, f"192.0.2.{place}", (begins(place) + STEPS[-1]).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    for place, kind in enumerate([*KINDS, "chain"])
}


def log(lines) -> str:
    return "".join(
        f'{address} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 200 {size} "-" "Mozilla/5.0 (X11)"\n'
        for at, address, path, size in lines
    )


def alerts(path: Path) -> set[tuple[str, str, str]]:
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    return {(one["rule"]["name"], one["source"]["ip"], one["@timestamp"]) for one in found}


def run(
    settings, folder: Path, telemetry: Telemetry, how: Callable[..., None], *paths: Path, state=None, **options
) -> None:
    sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
    how(Pipeline(settings, state=state, sinks=[sink], telemetry=telemetry), list(paths), **options)
    sink.close()


def cut() -> list[list]:
    """Cut in the middle of every chain: between first and second, and between second and third."""
    moments = [LOCAL_MIDNIGHT + timedelta(minutes=at) for at in (-1, 1, 59, 61)]
    return [[line for line in LINES if sum(at < line[0] for at in moments) == part] for part in range(5)]


def test_one_file(settings, tmp_path):
    (tmp_path / "access.log").write_text(log(LINES))
    run(settings, tmp_path, Telemetry(), batch, tmp_path / "access.log")
    assert alerts(tmp_path / "alerts.jsonl") == EXPECTED


def test_rotated_files_at_once(settings, tmp_path):
    (tmp_path / "logs").mkdir()
    for age, part in enumerate(reversed(cut())):
        (tmp_path / "logs" / f"access.log{f'.{age}' if age else ''}").write_text(log(part))
    run(settings, tmp_path, Telemetry(), batch, tmp_path / "logs")
    assert alerts(tmp_path / "alerts.jsonl") == EXPECTED


def test_a_batch_a_night_that_goes_on_from_the_state(settings, tmp_path):
    for night, part in enumerate(cut()):
        (tmp_path / f"night{night}.log").write_text(log(part))
        run(settings, tmp_path, Telemetry(), batch, tmp_path / f"night{night}.log", state=tmp_path / "state")
    assert alerts(tmp_path / "alerts.jsonl") == EXPECTED


def test_a_file_that_is_followed_over_restarts_and_rotation(settings, tmp_path):
    growing = tmp_path / "access.log"
    for night, part in enumerate(cut()):
        if night in {2, 4}:
            growing.rename(tmp_path / f"access.log.{night}")
        with growing.open("a") as file:
            file.write(log(part))
        run(settings, tmp_path, Telemetry(), tail, growing, state=tmp_path / "state", from_start=True, once=True)
    assert alerts(tmp_path / "alerts.jsonl") == EXPECTED


def test_what_is_allowed_is_counted_and_shown_with_its_reason(settings, tmp_path, capsys):
    (tmp_path / "access.log").write_text(log(LINES))
    entry = config.Allow(reason="ours: load test", until=date(2027, 1, 1), networks=("192.0.2.0/31",), rules=("count",))
    telemetry = Telemetry()
    run(settings.model_copy(update={"allow": (entry,)}), tmp_path, telemetry, batch, tmp_path / "access.log")
    assert alerts(tmp_path / "alerts.jsonl") == {one for one in EXPECTED if one[0] != "count"}
    told = telemetry.stats()["muted"]["ours: load test"]
    assert (told["events"], told["latest"][-1]["source.ip"]) == (3, "192.0.2.0")
    tell_summary(telemetry, [], Words.of("en"), learned=False)
    assert "kept from rules: 3 events: ours: load test" in capsys.readouterr().err
