"""Alerts through a sink while its receiver and our own process are killed, again and again: none lost, none altered.

    def test_nothing_is_lost(rig, tmp_path):
        torment(rig, tmp_path, count=2000, faults=6)

The rig says with `documents` what the receiver holds. Run as a module it is the process that is killed: it commits
alerts, as detection does, and delivers them to the sink of a configuration file; it goes on where it was.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from detector import clock, config
from detector.emit.alert import Alert, ecs
from detector.emit.sinks import open_sink
from tests.emit.queue import State
from tests.emit.signals import some
from tests.emit.sinks.battery import STILL_S, Rig, dispatched

CHUNK = 50
AHEAD = 500
"""How many alerts the process commits before they are delivered, while all goes well."""


def many(count: int) -> Iterator[Alert]:
    """Make as many alerts, the same each time; what an attacker may word is in them."""
    (first,) = some(1)
    for n in range(count):
        user = f'u{n}|="\\]\té\u2028'
        yield replace(first, id=f"{n:032x}", account=user, users=(user,), message=f"alert {n} of {user}")


def torment(rig: Rig, folder: Path, count: int, faults: int, seed: int = 1, batch_count: int = 40) -> None:
    """Deliver `count` alerts through `faults` kills of our process, of the receiver, or of both, and check them all."""
    chance, sink = random.Random(seed), rig.options(batch_count=batch_count)
    told = {"sinks": [json.loads(sink.model_dump_json(exclude_none=True))], "outbox": {"drain_s": STILL_S}}
    (folder / "torment.yml").write_text(json.dumps(told))
    at = sorted(chance.sample(range(CHUNK, count * 3 // 4, CHUNK), faults), reverse=True)
    process = _started(folder, count)
    while at and (line := process.stdout.readline()):
        process.stdin.write(b"go on\n")
        process.stdin.flush()
        if int(line) >= at[-1]:
            at.pop()
            process = _fault(rig, process, chance.choice(("ours", "theirs", "both")), folder, count)
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert not at, "it was done before all faults were tried"
    check(rig, count)


def check(rig: Rig, count: int) -> None:
    """See that the receiver has every alert as it was made, and in order but for repeats where the protocol has one."""
    assert rig.documents is not None
    got: dict[str, dict[str, Any]] = {}
    for document in rig.documents():
        known = got.setdefault(document["event"]["id"], document)
        assert _timeless(known) == _timeless(document)
    wanted = {one.id: one for one in many(count)}
    missing = wanted.keys() - got.keys()
    assert (len(missing), len(got)) == (0, count), f"lost: {sorted(missing)[:10]}"
    if rig.ordered:
        assert list(got) == list(wanted)
    for one, document in got.items():
        assert _timeless(document) == _timeless(json.loads(json.dumps(ecs(wanted[one], clock.now()))))


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"event": {name: value for name, value in document["event"].items() if name != "created"}}


def _fault(
    rig: Rig, process: "subprocess.Popen[bytes]", whose: str, folder: Path, count: int
) -> "subprocess.Popen[bytes]":
    if whose != "ours" and rig.stop and rig.start:
        rig.stop()
    if whose != "theirs":
        process.kill()
        process.communicate()
        process = _started(folder, count)
    if whose != "ours" and rig.stop and rig.start:
        rig.start()
    return process


def _started(folder: Path, count: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.emit.sinks.torment", str(folder), str(count)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, cwd=Path(__file__).parents[3], env=os.environ)


def main(folder: Path, count: int) -> int:
    """Commit the alerts that are not yet, deliver them all; say each step, and go on when told so or nobody listens."""
    (folder / "torment").mkdir(exist_ok=True)
    state = State(folder / "torment")
    (settings,) = config.load(folder / "torment.yml").sinks
    (done,) = state.db.execute("SELECT count(*) FROM outbox").fetchone()
    alerts = list(many(count))
    with dispatched(state, open_sink(settings)) as dispatch:
        for start in range(done, count, CHUNK):
            state.put(alerts[start : start + CHUNK])
            dispatch.look()
            print(start, flush=True)
            sys.stdin.readline()
            end = clock.monotonic_s() + 0.2
            while start - done - dispatch.figures[0].delivered > AHEAD and clock.monotonic_s() < end:
                clock.pause(0.005)
        dispatch.drain(STILL_S)
    state.close()
    return 1 if dispatch.figures[0].pending else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
