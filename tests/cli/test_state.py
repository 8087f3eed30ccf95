"""`detector state`: look into it, find what is damaged, copy it while it is written, erase from it."""

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from detector import config, rows
from detector.checkpoint import KEY_ID, Checkpoint, sums
from detector.cli import main
from detector.emit.ledger import open_ledger
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.live import tail as follow_live
from tests.cli.in_process import delivered, state_command, tailed


def test_info_tells_what_is_there_beside_a_detector(made, state):
    with closing(Checkpoint(state)):
        told = json.loads(state_command("info", "--state", state, "-o", "json").output)
        text = state_command("info", "--state", state).output
    assert told["versions"]["schema"] == "4"
    assert told["accounts"] == 3
    assert told["reading"] == [{"stream": str(made / "access.log"), "path": str(made / "access.log"),
                                "offset": (made / "access.log").stat().st_size}]  # fmt: skip
    assert told["first_day"] == "2026-03-02"
    assert told["tables"]["outbox"][0] == told["alerts"] > 0
    assert told["files"]["state.sqlite"] > 100_000
    assert told["sinks"][0]["pending"] == 0
    assert "365 days (state.retain_days)" in text


def test_a_state_that_is_whole_says_so_also_beside_a_detector(state):
    with closing(Checkpoint(state)):
        result = state_command("verify", "--state", state)
    assert (result.exit_code, result.output) == (0, f"{state}: whole\n")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def flip_in_a_part(path: Path) -> None:
    """One bit of the greatest part of the snapshot: SQLite itself cannot see it."""
    with closing(sqlite3.connect(path)) as database, database:
        ((name, body),) = database.execute("SELECT name, body FROM snapshot ORDER BY length(body) DESC LIMIT 1")
        middle = len(body) // 2
        changed = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        database.execute("UPDATE snapshot SET body = ? WHERE name = ?", (changed, name))


def flip_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 16384, 3):
            file.seek(page * 16384)
            file.write(Random(page).randbytes(2000))


def lose_a_part(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM snapshot WHERE name = 'Sessions/sessions'")


def spoil_the_schema(path: Path) -> None:
    """As fuzzing found it: SQLite quotes what it cannot read, and that is no text."""
    body = path.read_bytes()
    assert b"CREATE TABLE snapshot" in body
    path.write_bytes(body.replace(b"CREATE TABLE snapshot", b"CREATE \xcd\xcd\xcd\xcd\xcd snapshot"))


SLOW = [pytest.param(damage, marks=pytest.mark.slow) for damage in (truncate, overwrite, lose_a_part)]


@pytest.mark.parametrize("damage", [flip_in_a_part, flip_a_page, spoil_the_schema, *SLOW])
def test_damage_is_found_and_a_detector_refuses_it(state, made, damage, tmp_path):
    damage(state / "state.sqlite")
    found = state_command("verify", "--state", state)
    assert found.exit_code == 3, found.output
    assert str(state / "state.sqlite") in found.output
    begun = tailed(made / "access.log", tmp_path)
    assert begun.exit_code == 3, begun.stderr
    assert "detector state verify" in begun.stderr


def test_a_key_id_that_is_no_text_is_another_key(state, made, tmp_path):
    """As fuzzing found it: written with its checksum, as no disk damages it."""
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE snapshot SET body = x'ff' WHERE name = ?", (KEY_ID,))
        sums.note(database, [(f"snapshot {KEY_ID}", b"\xff")])
    begun = tailed(made / "access.log", tmp_path)
    assert begun.exit_code == 2, begun.stderr
    assert "key" in begun.stderr
    assert state_command("verify", "--state", state).exit_code == 3


def test_a_damaged_ledger_is_named_and_not_the_state(state, made, tmp_path):
    overwrite(state / "delivery.sqlite")
    begun = tailed(made / "access.log", tmp_path)
    assert begun.exit_code == 3, begun.stderr
    assert f"{state / 'delivery.sqlite'}: not a readable" in begun.stderr


def test_a_state_that_is_missing_beside_its_ledger_is_not_begun_anew(state, log):
    for file in state.glob("state.sqlite*"):
        file.unlink()
    done = CliRunner().invoke(main, ["tail", str(log), "--once", "--state", str(state)])
    assert done.exit_code == 3
    assert "state.sqlite: it is missing, but delivery.sqlite is there" in done.output
    assert not (state / "state.sqlite").exists()


def test_every_other_fault_is_listed_too(state, tmp_path):
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE outbox_size SET bytes = 1")
        database.execute("UPDATE activity SET hours = zeroblob(30)")
        database.execute("UPDATE memory SET numbers = '{' WHERE key = 'holder-of-1'")
        database.execute("UPDATE outbox SET body = '{}' WHERE seq = 1")
    (state / "delivery.sqlite").chmod(0o644)
    (state / "subject.key").unlink()
    assert CliRunner().invoke(main, ["key", "new", str(state / "subject.key")]).exit_code == 0
    result = state_command("verify", "--state", state, "-o", "json")
    assert result.exit_code == 3
    told = "\n".join(json.loads(result.stdout)["faults"])
    wanted = (
        "outbox: ",
        "activity 7",
        "memory account holder-of-1",
        "outbox 1: ",
        "open to others (mode 0644",
        "are of key",
    )
    assert [words for words in wanted if words not in told] == []


def test_nothing_there_is_named(tmp_path):
    for words in (["info"], ["migrate"], ["backup", str(tmp_path / "to")], ["forget", "u1", "--reason", "r", "--yes"]):
        result = state_command(*words, "--state", tmp_path / "none")
        assert result.exit_code == 2, words
        assert "no state is there" in result.output
        assert not (tmp_path / "none").exists()
    verified = state_command("verify", "--state", tmp_path / "none")
    assert verified.exit_code == 3
    assert "state.sqlite: it is missing" in verified.output


def test_a_copy_made_while_tail_runs_goes_on_where_it_was_made(log, tmp_path, expected):
    """Two commits later the run is over, and its state is gone."""
    copies, small = [], config.load()
    small = small.model_copy(update={"input": small.input.model_copy(update={"chunk_bytes": 40_000})})

    def copy(pipeline: Pipeline, ended: bool) -> None:
        if pipeline.telemetry.lines > 600 and not copies:
            copies.append(state_command("backup", tmp_path / "copy", "--state", tmp_path / "state", "--with-key"))

    sink = FileSink(config.ToFile(path=tmp_path / "alerts.jsonl"))
    pipeline = Pipeline(small, state=tmp_path / "state", sinks=[sink], attend=copy)
    follow_live(pipeline, [log], from_start=True, once=True)
    sink.close()
    assert copies[0].exit_code == 0, copies[0].output
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()} == {0o600}
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "copy").rename(tmp_path / "state")
    again = tailed(log, tmp_path, "--from-start")
    assert again.exit_code == 0
    assert "0 lines" not in again.stderr
    assert delivered(tmp_path) == expected


def test_a_copy_without_the_key_has_none_and_nothing_is_copied_over(state, tmp_path):
    assert state_command("backup", tmp_path / "copy", "--state", state).exit_code == 0
    assert not (tmp_path / "copy" / "subject.key").exists()
    again = state_command("backup", tmp_path / "copy", "--state", state)
    assert again.exit_code == 2
    assert "a new folder is required" in again.output


@pytest.fixture
def older(state) -> Path:
    """As version 2 had it: no checksums, no days of accounts, models of another kind."""
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE meta SET value = '2' WHERE name = 'schema'")
        database.execute("UPDATE memory SET numbers = '{}'")
        for table in ("checksum", "seen"):
            database.execute(f"DROP TABLE {table}")
    return state


def test_an_older_state_keeps_what_holds_no_model_where_somebody_says_so(older, log, made, tmp_path):
    refused = state_command("migrate", "--state", older)
    assert refused.exit_code == 2
    assert "what was learned of 3 accounts" in refused.output
    began = tailed(log, tmp_path)
    assert began.exit_code == 2
    assert "version 2, required 4" in began.stderr
    assert "detector state migrate" in began.stderr
    key = (older / "subject.key").read_bytes()
    done = state_command("migrate", "--state", older, "--forget-memory")
    assert done.exit_code == 0, done.output
    assert "open incidents that no alert will close: 1" in done.output
    assert (tmp_path / "state.version-2" / "state.sqlite").stat().st_mode & 0o777 == 0o600
    assert state_command("verify", "--state", older).exit_code == 0
    told = json.loads(state_command("info", "--state", older, "-o", "json").output)
    assert (told["accounts"], told["versions"]["schema"]) == (0, "4")
    assert told["reading"][0]["offset"] == (made / "access.log").stat().st_size
    assert told["alerts"] > 0
    assert (older / "subject.key").read_bytes() == key
    again = state_command("migrate", "--state", older)
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)
    followed = tailed(made / "access.log", tmp_path)
    assert followed.exit_code == 0
    assert "0 late" in followed.stderr


def test_a_newer_state_is_refused_by_name(state, log, tmp_path):
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    for result in (state_command("migrate", "--state", state), state_command("info", "--state", state)):
        assert result.exit_code == 2
        assert "state of version 99" in result.output
        assert "made by a newer version" in result.output


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


DAMAGES = {
    "outbox 1: it is not": "UPDATE outbox SET body = replace(body, 'u', 'v') WHERE seq = 1",
    "outbox 2: it is not": """UPDATE outbox SET body = '{"a":1}' WHERE seq = 2""",
    "memory: it is missing": "DROP TABLE memory",
    "outbox: it is missing": "DROP TABLE outbox",
    "seen_day: it is missing": "DROP INDEX seen_day",
    "no such table: meta": "DROP TABLE meta",
    "trigger gone: it is none": "CREATE TRIGGER gone AFTER INSERT ON memory BEGIN DELETE FROM outbox; END",
    "view alerts: it is none": "CREATE VIEW alerts AS SELECT * FROM outbox",
    "acquaintance 739": "UPDATE acquaintance SET pairs = zeroblob(length(pairs))",
    "memory cohort *: it is not": "UPDATE memory SET numbers = replace(numbers, '1', '2') WHERE kind = 'cohort'",
}


@pytest.mark.parametrize("words", DAMAGES)
def test_damage_that_sqlite_cannot_see_is_told_where_it_is(state, made, tmp_path, words):
    """A day later: what is remembered of each account is asked for."""
    change(state / "state.sqlite", DAMAGES[words])
    later = tmp_path / "access.log"
    later.write_text((made / "access.log").read_text().replace("/Mar/2026", "/Apr/2026"))
    for done in (tailed(later, tmp_path, "--from-start"), state_command("verify", "--state", state)):
        assert done.exit_code == 3, done.output
        assert words in done.output
        assert str(state / "state.sqlite") in done.output
    assert "detector state verify" in tailed(later, tmp_path, "--from-start").stderr


def test_a_command_that_looks_tells_of_damage_too(state):
    change(state / "state.sqlite", DAMAGES["outbox 2: it is not"])
    change(state / "delivery.sqlite", "DROP TABLE held")
    for words in (["incidents"], ["outbox", "list"], ["report", "--output", str(state / "page.html")]):
        done = CliRunner().invoke(main, [*words, "--state", str(state)], catch_exceptions=False)
        assert (done.exit_code, "detector state verify" in done.output) == (3, True), done.output


@pytest.mark.parametrize("statement", ["UPDATE verdict SET note = 'n' WHERE seq = 1", "DROP TABLE verdict"])
def test_a_word_that_was_changed_is_told(state, statement):
    with closing(sqlite3.connect(state / "verdicts.sqlite")) as database, database:
        kept = database.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name in ("verdict_stays", "verdict_is_kept"):
            database.execute(f"DROP TRIGGER {name}")
        database.execute(statement)
        for (trigger,) in kept if "UPDATE" in statement else ():
            database.execute(trigger)
        if "DROP" in statement:
            database.execute("CREATE TABLE other (seq)")
    for words in (["state", "verify"], ["incidents"]):
        done = CliRunner().invoke(main, [*words, "--state", str(state)], catch_exceptions=False)
        assert (done.exit_code, "verdict" in done.output) == (3, True), done.output


def test_a_state_that_was_emptied_is_not_begun_anew(state, made, tmp_path):
    (state / "state.sqlite").write_bytes(b"")
    done = tailed(made / "access.log", tmp_path)
    assert done.exit_code == 3
    assert "state.sqlite: it is empty, but delivery.sqlite is there" in done.stderr
    assert (state / "state.sqlite").stat().st_size == 0
    assert "it is empty" in state_command("verify", "--state", state).output


def test_a_first_start_that_is_killed_at_any_instant_can_be_begun_again(tmp_path):
    """After each statement: what was written then, as a process that is killed leaves it."""
    images: dict[bytes, Path] = {}

    def copy(frame: object, event: str, call: object) -> None:
        if event == "c_return" and getattr(call, "__name__", "") in {"connect", "execute", "executescript", "commit"}:
            files = sorted(path for path in (tmp_path / "state").glob("*.sqlite*") if path.suffix != ".sqlite-shm")
            written = b"".join(path.name.encode() + path.read_bytes() for path in files)
            image = images.setdefault(written, tmp_path / f"image{len(images)}")
            if not image.exists():
                image.mkdir()
                for path in files:
                    shutil.copy(path, image)

    sys.setprofile(copy)
    try:
        pipeline = Pipeline(config.load(), state=tmp_path / "state")
    finally:
        sys.setprofile(None)
    pipeline.checkpoint.close()
    assert {(image / "delivery.sqlite").exists() for image in images.values()} == {True, False}
    assert len(images) > 20
    for image in images.values():
        with closing(Checkpoint(image)) as checkpoint:
            assert checkpoint.load().snapshot == {}
            open_ledger(image / "delivery.sqlite", checkpoint.path).close()


def test_version_3_is_taken_over_whole(state, made, tmp_path):
    """As version 3 had it: no checksums of rows."""
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        for table in rows.sealed(database):
            database.execute(f"ALTER TABLE {table} DROP COLUMN crc")
        database.execute("DELETE FROM meta WHERE name = 'tables'")
        database.execute("UPDATE meta SET value = '3' WHERE name = 'schema'")
    assert "version 3, required 4" in tailed(made / "access.log", tmp_path).stderr
    done = state_command("migrate", "--state", state)
    assert (done.exit_code, "begun anew" in done.output) == (0, False), done.output
    assert state_command("verify", "--state", state).exit_code == 0
    assert json.loads(state_command("info", "--state", state, "-o", "json").output)["accounts"] == 3
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        assert database.execute("SELECT count(*) FROM memory WHERE crc IS NULL").fetchone() == (0,)
    assert tailed(made / "access.log", tmp_path).exit_code == 0
