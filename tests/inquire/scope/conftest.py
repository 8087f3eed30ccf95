"""A small simulated portal with its truth, shared by the tests of scope."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from detector.collect.enrich.tokens import Tokens
from detector.config import Config, load
from detector.inquire.scope.asked import Asked
from detector.inquire.scope.finding import Finding
from detector.inquire.scope.scoping import Scoping
from detector.lab.simulate import simulate

KEY = "a key for the tests of scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A log, its configuration, and the identifiers that each attack was shown."""

    log: Path
    config: Config
    attacks: dict[str, dict[str, Any]]
    shown: dict[str, set[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoped:
    """A finding, the persons, and what makes tokens of identifiers."""

    finding: Finding
    persons: pl.DataFrame
    tokens: Tokens

    def of(self, *whose: str) -> set[str]:
        """Return the tokens of persons displayed by these."""
        return set(self.persons.filter(pl.col("whose").is_in(whose))["portal.subject"])

    def token(self, identifiers: set[str]) -> set[str]:
        """Return the tokens of identifiers."""
        return set(self.tokens.subjects(pl.Series(sorted(identifiers), dtype=pl.String)))


@pytest.fixture(scope="session")
def portal(tmp_path_factory) -> Portal:
    folder = tmp_path_factory.mktemp("portal")
    attacks = ("viamedis:hosting", "low_and_slow:residential", "session_taken:tor", "insider")
    made = simulate(folder, seed=820, accounts=16, days=18, size=0.05, attacks=attacks, compress=True)
    truth = pl.read_parquet(folder / "truth.parquet").with_columns(pl.col("subject").cast(pl.String))
    labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text("utf-8").splitlines()[1:]]
    return Portal(
        log=made.log,
        config=load(folder / "detector.yml"),
        attacks={one["shape"]: one for one in labels},
        shown={one["shape"]: set(truth.filter(pl.col("attack") == one["attack"])["subject"]) for one in labels},
    )


@pytest.fixture
def scoped(tmp_path, monkeypatch):
    """Scope some accounts of logs."""
    monkeypatch.setenv("PORTAL_DETECTOR_KEY", KEY)

    def run(paths: list[Path], config: Config, every_line: bool = False, **asked: Any) -> Scoped:
        folder = tmp_path / f"scratch{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        frozen = {name: frozenset(value) if isinstance(value, list) else value for name, value in asked.items()}
        scoping = Scoping(paths, config, Asked(**frozen), folder, every_line=every_line)
        finding = scoping.find()
        with (tmp_path / "persons.parquet").open("wb") as out:
            scoping.persons.write(out, "parquet")
        return Scoped(
            finding=finding, persons=pl.read_parquet(tmp_path / "persons.parquet"), tokens=Tokens(scoping.secret)
        )

    return run
