"""The state after a power cut: whatever was committed last, a start from it loses no alert."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detector import config
from detector.emit import verdicts
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.live import tail as follow_live
from tests.cli.conftest import log  # noqa: F401  a fixture
from tests.cli.test_batch import ids


def settings(**changes: object) -> config.Config:
    loaded = config.load()
    small = loaded.input.model_copy(update={"chunk_bytes": 40_000})
    return loaded.model_copy(update={"input": small, **changes})


def follow(path: Path, folder: Path, attend=None, **changes: object) -> None:
    sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
    pipeline = Pipeline(settings(**changes), state=folder / "state", sinks=[sink], attend=attend)
    follow_live(pipeline, [path], from_start=True, once=True)
    sink.close()


def alerts(folder: Path) -> list[str]:
    path = folder / "alerts.jsonl"
    return ids(path.read_text()) if path.exists() else []


@pytest.fixture(scope="module")
def cut(log, tmp_path_factory) -> tuple[list[Path], set[str]]:  # noqa: F811
    """Images of the folder as the disk had it after each commit, and the alerts of an undisturbed run."""
    folder, images = tmp_path_factory.mktemp("cut"), []

    def copy(pipeline: Pipeline, ended: bool) -> None:
        if not ended:
            images.append(folder.parent / f"{folder.name}-{len(images)}")
            shutil.copytree(folder, images[-1], ignore=shutil.ignore_patterns("*-shm"))

    follow(log, folder, copy)
    assert len(images) > 4
    return images, set(alerts(folder))


CUTS = [(place, lost) for place in (0, 3, -4, -2, -1) for lost in ("", "state.sqlite-wal", "delivery.sqlite-wal")]
SOME = [(-2, "state.sqlite-wal"), (-1, "delivery.sqlite-wal")]


@pytest.mark.parametrize(("place", "lost"), [*SOME, *(pytest.param(*cut, marks=pytest.mark.slow) for cut in CUTS)])
def test_power_lost_at_any_commit_loses_no_alert(log, cut, tmp_path, place, lost):  # noqa: F811
    """Also where the log of a database, what was committed since its last checkpoint, is gone with the power."""
    images, expected = cut
    folder = Path(shutil.copytree(images[place], tmp_path / "image"))
    if lost:
        (folder / "state" / lost).unlink(missing_ok=True)
    follow(log, folder)
    assert set(alerts(folder)) == expected


def test_alerts_and_verdicts_of_long_ago_leave_and_what_waits_stays(log, tmp_path):  # noqa: F811
    follow(log, tmp_path)
    state, last = tmp_path / "state", datetime(2026, 3, 5, 9, tzinfo=UTC)
    for number, days in enumerate((-1, 200)):
        at = last + timedelta(days=days)
        verdicts.record(state, at=at, who="on duty", incident=f"i{number}", action="acknowledge", note="")
    line = log.read_text().splitlines(keepends=True)[0]
    later = tmp_path / "access.log"
    days = [last + timedelta(days=number) for number in (1, 400, 401, 402)]
    stamps = [f"{day:%d/%b/%Y}:08:00:{second:02} +0000" for day in days for second in range(10)]
    later.write_text("".join(line.replace("02/Mar/2026:08:00:00 +0000", stamp) for stamp in stamps))
    known, held = [], []

    def look(pipeline: Pipeline, ended: bool) -> None:
        if not ended:
            database = pipeline.checkpoint.database
            known.append(database.execute("SELECT group_concat(key) FROM memory WHERE kind = 'account'").fetchone()[0])
            held.append({one for (one,) in database.execute("SELECT id FROM outbox")})

    before = alerts(tmp_path)
    follow(later, tmp_path, look)
    assert len(before) > 1
    assert known[-1] == "u0"
    assert before[0] not in held[-1]
    assert [one.incident for one in verdicts.read(state)] == ["i1"]
