"""The order of the house: who may import whom. DESIGN.md names it; this walk holds it."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "detector"

BELOW: dict[str, set[str]] = {"errors": set()}
BELOW["schema"] = BELOW["rows"] = {"errors"}
BELOW["clock"] = {"errors", "schema"}
BELOW["language"] = {"errors"}
BELOW["config"] = BELOW["telemetry"] = {"errors", "schema", "clock", "language"}
SPINE = {"errors", "schema", "rows", "clock", "language", "config", "telemetry"}
BELOW["collect"] = BELOW["context"] = BELOW["emit"] = SPINE
BELOW["detect"] = SPINE | {"context"}
BELOW["checkpoint"] = SPINE | {"collect", "context", "detect", "emit"}
BELOW["pipeline"] = BELOW["checkpoint"] | {"checkpoint"}
ENGINE = BELOW["pipeline"] | {"pipeline"}
BELOW["inquire"] = ENGINE
BELOW["lab"] = ENGINE | {"inquire"}
BELOW["cli"] = ENGINE | {"inquire", "lab"}
BELOW["__main__"] = {"cli"}

CLOCKS = {"time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.monotonic",
          "time.perf_counter", "time.sleep"}  # fmt: skip
"""What only clock.py calls."""


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "detector"}


def calls(path: Path) -> set[str]:
    return {
        f"{node.func.value.id}.{node.func.attr}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    }


def test_the_spine_is_a_closed_list():
    assert {part_of(path) for path in modules()} <= set(BELOW)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    allowed = BELOW[part_of(path)] | {part_of(path), "VERSION"}
    for name in imported(path):
        assert name.split(".")[1] in allowed, f"{path}: imports {name}"


def test_no_module_has_a_name_that_says_nothing():
    idle = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
    assert [path for path in PACKAGE.rglob("*") if path.stem in idle] == []


def test_the_wall_clock_is_read_in_one_place():
    assert {
        str(path): calls(path) & CLOCKS for path in modules() if path.name != "clock.py" and calls(path) & CLOCKS
    } == {}


def test_nothing_reads_pickles():
    named = {"pickle", "dill", "joblib", "shelve", "marshal"}
    for path in modules():
        tree = ast.parse(path.read_text("utf-8"))
        found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert found & named == set(), path


def test_a_run_does_not_wait_for_what_it_hardly_asks():
    """SciPy's statistics, which River's drift detectors bring along, are half a start's time and 70 MB."""
    found = "import sys, detector.pipeline; print('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", found], capture_output=True, check=True).stdout == b"False\n"


def test_files_and_functions_stay_small():
    for path in modules():
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= 350, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                texts = [one for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                prose = sum((one.end_lineno or one.lineno) - one.lineno for one in texts)  # docstrings, templates
                code = node.end_lineno - node.lineno + 1 - prose
                assert code <= 45, f"{path}:{node.lineno} {node.name}: {code} lines"


def test_no_name_of_a_module_is_given_twice():
    """The second takes the place of the first, also where the first was meant: a bound of 20,000 was one of 32."""
    for path in modules():
        given = Counter(name for node in ast.parse(path.read_text("utf-8")).body for name in names_given(node))
        assert {name for name, times in given.items() if times > 1} == set(), path


def names_given(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [one.id for one in targets if isinstance(one, ast.Name)]
    return [*names, node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else names


def test_the_walk_sees_a_breach(tmp_path):
    sample = tmp_path / "x.py"
    sample.write_text("from detector.cli import main\nimport time\ntime.sleep(1)\n", "utf-8")
    assert imported(sample) == {"detector.cli.main"}
    assert calls(sample) & CLOCKS == {"time.sleep"}
