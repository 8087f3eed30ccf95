"""What the tests of rules share: packs from text, frames from dictionaries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from detector.config import Config
from detector.config import Rules as RulesSection
from detector.detect.rules import Rules
from detector.detect.rules.proof import frame

Pack = Callable[..., Rules]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Load a pack of YAML texts or dictionaries, without the shipped one."""

    def load(*documents: str | dict[str, Any], **settings: Any) -> Rules:
        texts = [one if isinstance(one, str) else yaml.safe_dump(one, sort_keys=False) for one in documents]
        (tmp_path / "pack.yml").write_text("\n---\n".join(texts), "utf-8")
        rules = RulesSection(shipped=False, **settings.pop("rules", {}))
        return Rules.load(Config(rules=rules, **settings), [tmp_path])

    return load


@pytest.fixture
def events() -> Callable[[list[dict[str, Any]]], pl.DataFrame]:
    """Make a frame of events."""
    return frame
