"""Alerts made by hand against labels made by hand: what counts, what is neutral, what is false."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from detector.errors import FaultsError, InputError
from detector.lab import picture
from detector.lab.curve import curve, point_of
from detector.lab.evaluate import Evaluation, Interval, evaluate, judge, sentence, summarize, table
from detector.lab.truth import read_alerts, read_truth

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
END = START + timedelta(hours=2)


def _alert(at: datetime, **fields: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "@timestamp": at.isoformat().replace("+00:00", "Z"),
        "event": {"id": "x", "risk_score": fields.get("risk", 60)},
        "portal": {"incident": {"id": fields.get("incident", "i1"), "state": fields.get("state", "opened")}},
        "related": {"user": fields.get("related", [])},
    }
    if "user" in fields:
        record["user"] = {"name": fields["user"]}
    if "source" in fields:
        record["source"] = {"ip": fields["source"]}
    return record


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Two attacks: `a` reads ten persons, one a minute; `b` and `c` read four each, later the same day."""
    rows = [("grab-0", START + timedelta(minutes=n), "a", 100 + n) for n in range(10)]
    rows += [("grab-0", START + timedelta(minutes=30), "a", 100)]  # seen already: no further person
    rows += [("swarm-1", END + timedelta(days=3, minutes=n), "bc"[n % 2], 200 + n) for n in range(8)]
    truth = pl.DataFrame(rows, schema=["attack", "@timestamp", "user.name", "subject"], orient="row")
    truth.with_columns(pl.col("@timestamp").cast(pl.Datetime("us", "UTC"))).write_parquet(tmp_path / "truth.parquet")
    days = [(START.date() + timedelta(days=n), name) for n in range(10) for name in "abcdefgh"]
    pl.DataFrame(days, schema=["local_date", "user.name"], orient="row").write_parquet(tmp_path / "activity.parquet")
    common = {"type": "attack", "network": "vpn", "hours": "office", "sources": ["192.0.2.9"]}
    head = {
        "type": "log",
        "log": "access.log",
        "lines": 100,
        "truth": "truth.parquet",
        "activity": "activity.parquet",
        "timezone": "Europe/Paris",
    }
    first = common | {
        "attack": "grab-0", "shape": "grab", "accounts": ["a"], "tried": ["d"],
        "start": START.isoformat(), "end": END.isoformat(),
    }  # fmt: skip
    later = END + timedelta(days=3)
    second = common | {
        "attack": "swarm-1", "shape": "swarm", "accounts": ["b", "c"], "tried": [],
        "start": later.isoformat(), "end": (later + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (head, first, second)))
    return path


def _evaluate(labels: Path, *alerts: dict[str, Any]) -> Evaluation:
    path = labels.parent / "alerts.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in alerts))
    return evaluate(labels, path)


def test_no_alert_catches_nothing_and_costs_nothing(labels: Path) -> None:
    result = _evaluate(labels)
    assert [one.caught for one in result.outcomes] == [False, False]
    assert [one.exposed for one in result.outcomes] == [10, 8]
    assert result.overall.exposed_share.value == 1
    assert result.false_per_1000.value == 0
    assert result.account_days == 80


def test_an_alert_counts_the_persons_shown_up_to_it(labels: Path) -> None:
    result = _evaluate(labels, _alert(START + timedelta(minutes=2), user="a"))
    first = result.outcomes[0]
    assert (first.caught, first.minutes, first.records, first.exposed) == (True, 2.0, 10, 3)
    assert result.overall.recall.value == 0.5
    assert result.false_account_days == 0


@pytest.mark.parametrize(
    ("at", "caught"),
    [
        (START - timedelta(seconds=1), False),
        (START, True),
        (END + timedelta(hours=24), True),
        (END + timedelta(hours=24, seconds=1), False),
    ],
)
def test_an_alert_counts_from_the_start_to_a_day_after_the_end(labels: Path, at: datetime, caught: bool) -> None:
    result = _evaluate(labels, _alert(at, user="a"))
    assert result.outcomes[0].caught is caught
    assert result.false_account_days == (0 if caught else 1)


def test_a_related_account_is_named_and_a_closed_incident_is_no_alert(labels: Path) -> None:
    assert _evaluate(labels, _alert(START, user="h", related=["g", "a"])).outcomes[0].caught
    closed = _evaluate(labels, _alert(START, user="a", state="closed"), _alert(START, user="h", state="closed"))
    assert not closed.outcomes[0].caught
    assert closed.false_account_days == closed.alerts == 0


def test_each_account_stays_exposed_until_it_is_named_itself(labels: Path) -> None:
    later = END + timedelta(days=3)
    result = _evaluate(labels, _alert(later + timedelta(minutes=1), user="b"))
    swarm = result.outcomes[1]
    assert (swarm.exposed, swarm.exposed_by_account, swarm.accounts_named, swarm.accounts) == (2, 1 + 4, 1, 2)


def test_alerts_near_an_attack_are_neither_caught_nor_false(labels: Path) -> None:
    result = _evaluate(labels, _alert(START, user="d"), _alert(START, source="192.0.2.9"))
    assert not result.outcomes[0].caught
    assert (result.false_account_days, result.neutral_alerts) == (0, 2)


def test_a_false_alert_counts_once_an_account_and_local_day(labels: Path) -> None:
    midnight = datetime(2026, 3, 11, 23, tzinfo=UTC)  # 00 h of the 12th in Paris
    result = _evaluate(
        labels,
        _alert(midnight - timedelta(hours=5), user="e"),
        _alert(midnight - timedelta(minutes=1), user="e", state="escalated"),
        _alert(midnight, user="e"),
        _alert(midnight, user="f"),
        _alert(midnight, source="192.0.2.77"),
    )
    assert result.false_account_days == 4
    assert result.false_per_1000.value == pytest.approx(1000 * 4 / 80)
    assert result.false_per_1000.low <= result.false_per_1000.value <= result.false_per_1000.high


def test_an_incident_that_caught_an_attack_may_go_on(labels: Path) -> None:
    late = END + timedelta(days=2)
    result = _evaluate(
        labels, _alert(START, user="a", incident="one"), _alert(late, user="a", incident="one", state="escalated")
    )
    assert result.false_account_days == 0
    assert _evaluate(labels, _alert(late, user="a", incident="two")).false_account_days == 1


def test_logs_are_pooled(labels: Path) -> None:
    truth = read_truth(labels)
    path = labels.parent / "alerts.jsonl"
    path.write_text(json.dumps(_alert(START, user="a")) + "\n")
    once, twice = judge(truth, read_alerts(path)), judge(truth, [])
    result = summarize([once, twice])
    assert (result.overall.attacks, result.overall.recall.value) == (4, 0.25)
    assert result.account_days == 160
    assert 0 <= result.overall.recall.low <= 0.25 <= result.overall.recall.high <= 1


def test_the_table_has_a_row_a_shape_and_one_of_all(labels: Path) -> None:
    result = _evaluate(labels, _alert(START + timedelta(minutes=2), user="a"))
    rows = table(result)
    assert [row[0] for row in rows] == ["grab", "swarm", "all"]
    assert rows[0][2] == "100%"
    assert rows[1][-1] == "never"
    assert "50% of 2 attacks" in sentence(result)


def test_the_curve_gains_recall_and_false_alerts_as_the_threshold_falls(labels: Path, tmp_path: Path) -> None:
    path = labels.parent / "alerts.jsonl"
    records = [_alert(START, user=user, risk=risk, incident=user) for user, risk in (("a", 90), ("e", 50), ("f", 70))]
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    points = curve([(read_truth(labels), read_alerts(path))])
    assert [point.risk for point in points] == [90, 70, 50]
    assert [point.recall for point in points] == [0.5, 0.5, 0.5]
    assert [point.false_per_1000 for point in points] == [0, 12.5, 25]


def test_the_picture_is_one_file_that_names_every_shape_and_mark(labels: Path, tmp_path: Path) -> None:
    result = _evaluate(labels, _alert(START + timedelta(minutes=2), user="a"))
    asked, raised = [0.1, 1.0], [Interval(value=0.0, low=0.0, high=0.4), Interval(value=2.0, low=1.0, high=4.0)]
    panel = picture.calibration(asked, raised)
    picture.draw(result, [point_of(result)], {"a < b": result}, tmp_path / "p.svg", names=["here"], more=[panel])
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    words = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"grab", "swarm", "all", "a < b", "here", "2.00"} <= set(words)
    assert any("1 attack: median 3 records" in str(word) for word in words)
    assert not [one for one in root.iter() if "href" in "".join(one.attrib)]
    box = [float(one) for one in root.attrib["viewBox"].split()]
    assert all(0 <= float(one.attrib["cx"]) <= box[2] for one in root.iter("{http://www.w3.org/2000/svg}circle"))


def test_files_that_are_no_labels_or_alerts_are_named(labels: Path) -> None:
    folder = labels.parent
    (folder / "broken.jsonl").write_text('{"@timestamp": 1\n[]\n')
    with pytest.raises(FaultsError, match=r"broken\.jsonl:1: not JSON[\s\S]*broken\.jsonl:2: required a JSON object"):
        read_alerts(folder / "broken.jsonl")
    (folder / "other.jsonl").write_text('{"hello": 1}\n')
    with pytest.raises(InputError, match="not an alert"):
        read_alerts(folder / "other.jsonl")
    with pytest.raises(InputError, match="type `log`"):
        read_truth(folder / "other.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_alerts(folder / "missing.jsonl")
    (folder / "truth.parquet").unlink()
    with pytest.raises(InputError, match="a file it names"):
        read_truth(labels)
