"""Put the events of several logs in event time, and say which came too late for it.

Every rule here depends on the order of lines in their streams alone, never on how they were cut into frames.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from detector.collect.clock_fault import Checked, check
from detector.schema import EVENT, LATE, REJECT, empty

KEY: Final = "order.key"
_STREAM: Final = "order.stream"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class _Stream:
    """What is known of one stream; times in microseconds.

    `top` is the running maximum of its times, `floor` a time that none of its lines comes before, `recent` are the
    times of its last lines, `waiting` the lines whose clock cannot be judged yet, `held` what is not released.
    """

    top: int | None = None
    floor: int | None = None
    recent: list[int] = field(default_factory=list)
    ended: bool = False
    waiting: pl.DataFrame | None = None
    held: list[pl.DataFrame] = field(default_factory=list)


class Sequencer:
    """Hold events back until no earlier one can come, then release them in order.

    A line is late when its time is more than `max_lateness_s` before that of an earlier line of its stream, or before
    the watermark that was released already. The watermark is the least running maximum of all streams that still
    have lines, less `max_lateness_s`; what is strictly earlier is released. A stream that is at its end is waited for
    only while it is less than `max_idle_s` behind the furthest.

    Late lines take the place at which they came: their stream's running maximum less `max_lateness_s`. So the order
    of `released.filter(~late)` is that of `@timestamp`, then of the streams' names, then of arrival; and the whole
    order is the same for any cutting of the input.

    A line more than `max_future_s` ahead of both the lines before it and those after it has a broken clock: it is
    rejected (`take_rejects`), so that it cannot make all that follows late.
    """

    def __init__(self, max_lateness_s: float, *, max_future_s: float = 86_400.0, max_idle_s: float = 60.0) -> None:
        self._lateness = round(max_lateness_s * 1e6)
        self._future = round(max_future_s * 1e6)
        self._idle = round(max_idle_s * 1e6)
        self._released: int | None = None
        self._streams: dict[str, _Stream] = {}
        self._rejects: list[pl.DataFrame] = []

    @property
    def watermark(self) -> datetime | None:
        """The time before which everything on time was released."""
        return None if self._released is None else _EPOCH + timedelta(microseconds=self._released)

    @property
    def latest(self) -> datetime | None:
        """The time of the furthest event, held ones included."""
        tops = [stream.top for stream in self._streams.values() if stream.top is not None]
        return _EPOCH + timedelta(microseconds=max(tops)) if tops else self.watermark

    @property
    def held_count(self) -> int:
        """Events that are not released yet."""
        waiting = sum(stream.waiting.height for stream in self._streams.values() if stream.waiting is not None)
        return waiting + sum(frame.height for stream in self._streams.values() for frame in stream.held)

    def watch(self, stream: str, since: datetime | None = None) -> None:
        """Wait for a stream from now on. `since`: none of its lines is earlier, as far as is known."""
        state = self._streams.setdefault(stream, _Stream())
        state.ended = False
        if since is not None:
            state.floor = (since - _EPOCH) // timedelta(microseconds=1)

    def admit(self, stream: str, events: pl.DataFrame) -> None:
        """Take the next events of a stream, in the order of their lines.

        Shapes: EVENT, `@timestamp` without nulls.
        """
        state = self._streams.setdefault(stream, _Stream())
        state.ended = False
        self._judge(state, events, final=False)

    def end(self, stream: str, *, final: bool = False) -> None:
        """Say that a stream has nothing more now; `final`: nor ever."""
        state = self._streams.setdefault(stream, _Stream())
        state.ended = True
        if final or state.top is None:  # a new log's first lines do not wait for a sixth that may come tomorrow
            self._judge(state, None, final=True)

    def release(self) -> pl.DataFrame:
        """Return what no earlier event can precede any more.

        Shapes: EVENT with LATE, in order.
        """
        watermark = self._next_watermark()
        if watermark is None:
            return _nothing()
        self._released = watermark if self._released is None else max(watermark, self._released)
        released = self._take(self._released)
        self._forget(self._released - self._future)
        return released

    def flush(self) -> pl.DataFrame:
        """Return all that is held: nothing more is going to come.

        What is saved for a run that goes on later must be saved before this. Shapes: EVENT with LATE, in order.
        """
        for state in self._streams.values():
            self._judge(state, None, final=True)
        rest = self._take(None)
        tops = [state.top for state in self._streams.values() if state.top is not None]
        self._released = max([*tops, *([] if self._released is None else [self._released])], default=None)
        return rest

    def foresee(self) -> pl.DataFrame:
        """Return what `flush` would, and hold it all the same. Shapes: EVENT with LATE, in order."""
        saved, rejects = self.snapshot(), self._rejects
        rest = self.flush()
        self.restore(saved)
        self._rejects = rejects
        return rest

    def take_rejects(self) -> pl.DataFrame:
        """Return the lines rejected since the last call. Shapes: REJECT."""
        rejects, self._rejects = self._rejects, []
        return pl.concat(rejects) if rejects else empty(REJECT)

    def snapshot(self) -> dict[str, bytes]:
        """Return all that is held and known, for `restore`: JSON and Arrow IPC."""
        plain = {
            name: {key: value for key, value in asdict(_numbers(state)).items() if key not in ("waiting", "held")}
            for name, state in self._streams.items()
        }
        saved = {"order.json": json.dumps({"released": self._released, "streams": plain}).encode()}
        held = {name: state.held for name, state in self._streams.items() if state.held}
        waiting = {name: [state.waiting] for name, state in self._streams.items() if state.waiting is not None}
        return saved | {"order.held": _packed(held), "order.waiting": _packed(waiting)}

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take up what `snapshot` returned, instead of all that is held and known."""
        plain: dict[str, Any] = json.loads(saved["order.json"])
        self._released = plain["released"]
        self._streams = {name: _Stream(**known) for name, known in plain["streams"].items()}
        for name, frame in _unpacked(saved["order.held"]).items():
            self._streams[name].held = [frame]
        for name, frame in _unpacked(saved["order.waiting"]).items():
            self._streams[name].waiting = frame

    def _judge(self, state: _Stream, events: pl.DataFrame | None, *, final: bool) -> None:
        frames = [frame for frame in (state.waiting, events) if frame is not None and not frame.is_empty()]
        if not frames:
            return
        checked = check(pl.concat(frames), state.recent, max_future_us=self._future, final=final)
        state.waiting, state.recent = checked.waiting, checked.recent
        if checked.rejects is not None:
            self._rejects.append(checked.rejects)
        if not checked.good.is_empty():
            state.held.append(self._keyed(state, checked))

    def _keyed(self, state: _Stream, checked: Checked) -> pl.DataFrame:
        """Add LATE and the key of the order; move the stream's running maximum on."""
        events, times = checked.good, checked.times
        floors = [time for time in (_less(state.top, self._lateness), self._released) if time is not None]
        if checked.ordered and (not floors or times[0] >= max(floors)):
            state.top = times[-1] if state.top is None else max(times[-1], state.top)
            return events.with_columns(pl.lit(False).alias(LATE), times.alias(KEY))
        tops = pl.max_horizontal(pl.col(KEY).cum_max().shift(1), pl.lit(state.top, pl.Int64))
        least = pl.max_horizontal(tops - self._lateness, pl.lit(self._released, pl.Int64))
        keys = (
            times.alias(KEY)
            .to_frame()
            .select((pl.col(KEY) < least).fill_null(False).alias(LATE), pl.max_horizontal(KEY, least).alias("at"))
        )
        highest = times.max()
        assert isinstance(highest, int)  # noqa: S101  # for the type checker: it is not empty
        state.top = highest if state.top is None else max(state.top, highest)
        return events.with_columns(keys[LATE], keys["at"].alias(KEY))

    def _next_watermark(self) -> int | None:
        reached = [(state, _reached(state)) for state in self._streams.values()]
        furthest = max((time for _, time in reached if time is not None), default=None)
        if furthest is None:
            return None
        waited = [
            time for state, time in reached if not state.ended or (time is not None and furthest - time <= self._idle)
        ]
        known = [time for time in waited if time is not None]
        return min(known) - self._lateness if len(known) == len(waited) else None

    def _forget(self, before: int) -> None:
        """Drop streams that ended long ago: folders get new files for ever. What they may still hold is late anyway."""
        for name, state in list(self._streams.items()):
            if state.ended and not state.held and state.waiting is None and (_reached(state) or before) < before:
                del self._streams[name]

    def _take(self, before: int | None) -> pl.DataFrame:
        """Take out of what is held all with a key before `before`, in order; None: all."""
        ready: list[pl.DataFrame] = []
        for name in sorted(self._streams):
            state = self._streams[name]
            rest: list[pl.DataFrame] = []
            for frame in state.held:
                early, later = (frame, frame.clear()) if before is None else _split(frame, before)
                ready += [early] if early.height else []
                rest += [later] if later.height else []
            state.held = rest
        if not ready:
            return _nothing()
        taken = pl.concat(ready)
        if not taken[KEY].is_sorted():
            taken = taken.sort(KEY, maintain_order=True)
        return taken.drop(KEY)


def _reached(state: _Stream) -> int | None:
    """How far a stream has come: what is still to come on time is at most the lateness earlier."""
    return state.floor if state.top is None else state.top


def _split(frame: pl.DataFrame, before: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut a frame by key; only its end, from the first row that stays, is looked at row by row."""
    stays = frame[KEY] >= before
    first = stays.arg_max()
    if not stays.any() or first is None:
        return frame, frame.clear()
    head, tail = frame.slice(0, first), frame.slice(first)
    mask = stays.slice(first)
    if mask.all():
        return head, tail
    return pl.concat([head, tail.filter(~mask)]), tail.filter(mask)


def _less(time: int | None, by: int) -> int | None:
    return None if time is None else time - by


def _nothing() -> pl.DataFrame:
    return empty(pl.Schema([*EVENT.items(), (LATE, pl.Boolean())]))


def _numbers(state: _Stream) -> _Stream:
    """A copy without frames: `asdict` would copy them."""
    return _Stream(top=state.top, floor=state.floor, recent=state.recent, ended=state.ended)


def _packed(frames: Mapping[str, list[pl.DataFrame]]) -> bytes:
    named = [frame.with_columns(pl.lit(name).alias(_STREAM)) for name, several in frames.items() for frame in several]
    if not named:
        return b""
    buffer = io.BytesIO()
    pl.concat(named, rechunk=True).write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def _unpacked(body: bytes) -> dict[str, pl.DataFrame]:
    if not body:
        return {}
    frames = pl.read_ipc(body).partition_by(_STREAM, as_dict=True, include_key=False)
    return {str(name): frame for (name,), frame in frames.items()}
