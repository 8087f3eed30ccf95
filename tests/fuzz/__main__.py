"""Fuzz the detector: `python -m tests.fuzz [TARGET...] [--frames N] [--lines N] [--seed N] [--good DIR] [--atheris]`.

An input is a frame of many mutated lines, or one mutated file. What breaks a promise, crashes or takes longer than a
frame ever should is written to `--found DIR`, where the tests look for it. `--atheris` lets libFuzzer choose what to
mutate by the Python code that it reaches (the extra `fuzz`); one target then.
"""

import argparse
import faulthandler
import hashlib
import resource
import sys
import time
import traceback
from pathlib import Path
from random import Random

from tests.fuzz.mutation import mutated

if "--atheris" in sys.argv:  # it sees the branches only of what is imported like this
    import atheris

    with atheris.instrument_imports(include=["detector"]):
        from tests.fuzz.targets import TARGETS
else:
    from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
HANGS_AFTER_S = 120
"""Then a frame's stacks are printed and the run ends: no frame of 1,000 lines takes a tenth of it."""
SLOW_CPU_S = 20.0


def main() -> None:
    """Fuzz the targets named, or all."""
    asked = _asked()
    good = (
        tuple(line for path in sorted(asked.good.rglob("*.log")) for line in path.read_bytes().splitlines())
        if asked.good
        else ()
    )
    if asked.atheris:
        return _guided(asked)
    faults = 0
    for name in asked.targets or TARGETS:
        faults += _fuzz(name, asked, good)
    sys.exit(1 if faults else 0)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--lines", type=int, default=1000, help="lines of a frame")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--good", type=Path, help="a folder of *.log, whose lines are mutated too")
    parser.add_argument(
        "--found", type=Path, default=HERE / "found", help="where inputs are written that break a promise"
    )
    parser.add_argument("--atheris", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    return asked


def _fuzz(name: str, asked: argparse.Namespace, good: tuple[bytes, ...]) -> int:
    target = TARGETS[name]
    rng, counted, faults, slowest, begun = Random(f"{name} {asked.seed}"), 0, 0, 0.0, time.monotonic()
    for _ in range(asked.frames):
        data = target.odd(rng, asked.lines, good)
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
        (asked.found / f"{name}.last").write_bytes(data)  # what a crash or a hang leaves behind
        cpu = time.process_time()
        try:
            counted += target.run(data)
        except BaseException as fault:  # a panic of Polars is no Exception
            if isinstance(fault, KeyboardInterrupt):
                raise
            faults += 1
            _keep(name, data, asked.found, fault)
        slowest = max(slowest, time.process_time() - cpu)
        if time.process_time() - cpu > SLOW_CPU_S:
            faults += 1
            _keep(name, data, asked.found, TimeoutError(f"{time.process_time() - cpu:.0f} s of CPU"))
    faulthandler.cancel_dump_traceback_later()
    (asked.found / f"{name}.last").unlink(missing_ok=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name}: {asked.frames:,} inputs of {counted:,} lines in {time.monotonic() - begun:.0f} s, {faults} faults, "
        f"the slowest took {slowest:.1f} s of CPU, peak {peak:,} MiB",
        flush=True,
    )
    return faults


def _keep(name: str, data: bytes, folder: Path, fault: BaseException) -> None:
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print(f"{path}: {type(fault).__name__}: {str(fault)[:300]}", flush=True)
    traceback.print_exception(fault, limit=-6)


def _guided(asked: argparse.Namespace) -> None:
    name = asked.targets[0]
    target = TARGETS[name]
    own = target.good()

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(data, most)
        lines = data.split(b"\n") if target.lines else [data]
        at = rng.randrange(len(lines))
        return b"\n".join([*lines[:at], mutated(rng, lines[at] or own[0], own), *lines[at + 1 :]])[:most]

    asked.found.joinpath("corpus").mkdir(exist_ok=True)
    for number, seed in enumerate(own):
        (asked.found / "corpus" / f"{name}-{number}").write_bytes(seed)
    arguments = [
        f"-runs={asked.frames}",
        f"-seed={asked.seed or 1}",
        "-max_len=20000",
        f"-timeout={HANGS_AFTER_S}",
        f"-artifact_prefix={asked.found}/{name}-",
    ]
    atheris.Setup([sys.argv[0], *arguments, str(asked.found / "corpus")], target.run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
