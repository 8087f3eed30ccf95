"""What is fuzzed, by name: each takes bytes, says how many lines it made of them, and fails where a promise breaks.

Only a `DetectorError` may be raised, and only by what reads a file of the user's: configuration, rules, state.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Final

import polars as pl

from detector.checkpoint.sums import note
from detector.collect.enrich import Enricher
from detector.collect.parse import Parsed, choose_format, parse
from detector.collect.source.block import LINES as LINES_OF_FILE
from detector.collect.source.cut import Cutter
from detector.collect.source.receive.framing import Counted, Detected, Newline
from detector.config import Config, Input, load
from detector.detect.rules import Rules
from detector.errors import DetectorError
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch
from detector.schema import EVENT, RAW, REJECT, conform, empty
from tests.fuzz.mutation import flipped, frame, mutated
from tests.fuzz.seeds import DESCRIBED, LINES
from tests.fuzz.written import written


@dataclass(frozen=True, slots=True)
class Target:
    """What runs an input, what good inputs are, and whether an input is many of them, one a line."""

    run: Callable[[bytes], int]
    good: Callable[[], tuple[bytes, ...]]
    lines: bool = True
    change: Callable[[Random, bytes, Sequence[bytes]], bytes] = mutated

    def odd(self, rng: Random, lines: int, more: tuple[bytes, ...] = ()) -> bytes:
        """Return an input made of good ones: a frame of so many lines, of `more` too, or one file."""
        good = self.good()
        return frame(rng, (*good, *good, *more), lines) if self.lines else self.change(rng, rng.choice(good), good)


REFERENCE: Final = datetime(2026, 3, 5, tzinfo=UTC)
CONTROL: Final = r"[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}]"


@cache
def _enricher() -> Enricher:
    return Enricher(load())


def cut(data: bytes, step: int = 1 << 24) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return lines and rejects of a file's bytes, read in portions."""
    cutter = Cutter("f", max_line_bytes=65536)
    cuts = [cutter.feed(data[at : at + step]) for at in range(0, len(data), step)]
    found = [one for one in (*cuts, cutter.finish()) if one is not None]
    lines, rejects = [empty(LINES_OF_FILE)], [empty(REJECT)]
    return pl.concat(lines + [one.lines for one in found]), pl.concat(rejects + [one.rejects for one in found])


def portions(data: bytes) -> int:
    """Lines are the same whatever portions their file is read in."""
    whole = cut(data)
    in_parts = cut(data, max(1, len(data) // 7 + 1))
    assert all(one.equals(other) for one, other in zip(whole, in_parts, strict=True)), "portions change the lines"
    assert whole[0].height + whole[1].height == data.count(b"\n") + (data[-1:] not in (b"", b"\n")), "lines were lost"
    return whole[0].height


def log(settings: Input, data: bytes) -> int:
    """Every line is an event or a reject, for itself, and what is read of it is sound."""
    lines, _ = cut(data)
    chosen, _ = choose_format(lines, settings)
    whole = parse(lines, chosen, path="f", reference=REFERENCE)
    check(whole, lines.height)
    middle = lines.height // 2
    first = parse(lines.head(middle), chosen, path="f", reference=REFERENCE)
    second = parse(lines.slice(middle), chosen, path="f", header=first.header, reference=REFERENCE)
    assert pl.concat([first.events, second.events]).equals(whole.events), "where a block ends changes its events"
    assert pl.concat([first.rejects, second.rejects]).equals(whole.rejects), "where a block ends changes its rejects"
    enriched = _enricher().enrich(whole.events)
    assert enriched.height == whole.events.height, "events were lost where they are enriched"
    assert enriched.schema == EVENT, "enriched events are of another schema"
    return lines.height


def check(parsed: Parsed, lines: int) -> None:
    """Assert what holds of anything that was read."""
    events, rejects = parsed.events, parsed.rejects
    assert events.height + rejects.height + parsed.skipped == lines, "events + rejects + skipped are not the lines"
    assert pl.concat([events["log.offset"], rejects["log.offset"]]).is_unique().all(), "a line was read twice"
    assert (events.schema, rejects.schema) == (RAW, REJECT), "another schema"
    assert events["@timestamp"].null_count() == rejects["reason"].null_count() == 0, "an event without time"
    assert not events["user.name"].str.contains(r"[\x00-\x1f\x7f]").any(), "a control character in a name"


@cache
def _some_events() -> pl.DataFrame:
    lines, _ = cut("\n".join(LINES["combined"]).encode())
    chosen, _ = choose_format(lines, Input())
    return _enricher().enrich(parse(lines, chosen, path="f").events)


def _written(data: bytes, name: str) -> Path:
    folder = _scratch()
    (folder / name).write_bytes(data)
    return folder / name


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def configuration(data: bytes) -> int:
    """A configuration is read, or refused by line; one that is read serves."""
    with suppress(DetectorError):
        config = load(_written(data, "detector.yml"))
        lines, _ = cut("\n".join(LINES["combined"]).encode())
        chosen, _ = choose_format(lines, config.input)
        Enricher(config).enrich(parse(lines, chosen, path="f").events)
    return data.count(b"\n") + 1


def rules(data: bytes) -> int:
    """A rule is read, or refused by line; one that is read can be asked."""
    config = _without_rules()
    with suppress(DetectorError):
        Rules.load(config, [_written(data, "rule.yml")]).observe(conform(_some_events(), EVENT))
    return data.count(b"\n") + 1


def received(data: bytes) -> int:
    """What comes over a connection is the same lines however it is cut, and none is longer than is allowed."""
    longest = 65536
    for framing in (Newline, Counted, Detected):
        whole, parts = framing(longest), framing(longest)
        lines = whole.feed(data) + whole.finish()
        step = max(1, len(data) // 13)
        pieces = [parts.feed(data[at : at + step]) for at in range(0, len(data), step) if parts.fault is None]
        in_parts = b"".join(pieces) + (parts.finish() if parts.fault is None else b"")
        assert b"\0" not in lines, "a NUL in a line"
        assert lines[-1:] in (b"", b"\n"), "a line that has no end"
        if whole.fault is None:
            assert lines == in_parts, f"portions change what {framing.__name__} reads"
    return data.count(b"\n") + 1


def state(data: bytes) -> int:
    """A state that was damaged is taken up and gone on from, or refused with its name; nothing in it is run."""
    folder = _scratch() / "state"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "state.sqlite").write_bytes(data)
    with suppress(DetectorError):
        batch(Pipeline(load(), state=folder), [_days_after()])
    return 1


@cache
def _states() -> tuple[bytes, ...]:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (folder / "access.log").write_text(_views(datetime(2026, 3, 2, tzinfo=UTC), 3000), "utf-8")
    batch(Pipeline(load(), state=folder / "state"), [folder / "access.log"])
    return ((folder / "state" / "state.sqlite").read_bytes(),)


@cache
def _days_after() -> Path:
    """Lines of the same accounts, over two midnights: all that the state keeps of them is read."""
    path = _scratch() / "after.log"
    path.write_text(_views(datetime(2026, 3, 5, tzinfo=UTC), 3000), "utf-8")
    return path


def _views(start: datetime, minutes: int) -> str:
    times = (start + timedelta(minutes=minute) for minute in range(minutes))
    return "\n".join(
        f'192.0.2.1 - u{minute % 3} [{at:%d/%b/%Y:%H:%M:%S %z}] "GET /patients/1850578006084/rights HTTP/1.1" 200 9'
        for minute, at in enumerate(times)
    )


def edited(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Change one part of a state, checksum and all, as somebody would who writes his own."""
    path = _written(data, "edited.sqlite")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        name, body = rng.choice(database.execute("SELECT name, body FROM snapshot ORDER BY name").fetchall())
        body = rng.choice((flipped, mutated))(rng, body or b" ")
        database.execute("UPDATE snapshot SET body = ? WHERE name = ?", (body, name))
        note(database, [(f"snapshot {name}", body)])
        database.commit()
    return path.read_bytes()


@cache
def _without_rules() -> Config:
    config = load()
    return config.model_copy(update={"rules": config.rules.model_copy(update={"shipped": False})})


@cache
def _files(*patterns: str) -> tuple[bytes, ...]:
    folder = Path(__file__).parents[2]
    return tuple(path.read_bytes() for pattern in patterns for path in sorted(folder.glob(pattern)))


def _lines(*formats: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(line.encode() for lines in formats for line in lines)


TARGETS: Final[dict[str, Target]] = {
    "auto": Target(partial(log, Input()), partial(_lines, *LINES.values())),
    **{name: Target(partial(log, Input(format=name)), partial(_lines, lines)) for name, lines in LINES.items()},
    **{
        name: Target(partial(log, Input(format=form)), partial(_lines, lines))
        for name, (form, lines) in DESCRIBED.items()
    },
    "portions": Target(portions, partial(_lines, *LINES.values())),
    "configuration": Target(configuration, partial(_files, "config/*.yml", "sample_logs/*/*.yml"), lines=False),
    "received": Target(received, partial(_lines, *LINES.values(), ("17 <14>1 - - - - - a", "9 <1>1 - -10 <1>1 - - -"))),
    "alerts": Target(written, partial(_lines, *LINES.values())),
    "state": Target(state, _states, lines=False, change=flipped),
    "state_edited": Target(state, _states, lines=False, change=edited),
    "rules": Target(rules, partial(_files, "rules/*/*.yml"), lines=False),
}
