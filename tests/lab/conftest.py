"""One simulated log for all tests of the laboratory, and a reader of it that shares nothing with its writer."""

from pathlib import Path

import polars as pl
import pytest

from detector.lab.simulate import Simulated, simulate

LINE = (
    r'^(?<ip>\S+) - (?<user>\S+) \[(?<time>[^\]]+)\] "(?<method>\S+) (?<target>\S+) HTTP/1\.1" (?<status>\d+) '
    r'(?<bytes>\d+) "(?<referrer>[^"]*)" "(?<agent>[^"]*)" "(?<session>[0-9a-f]{32}|-)"$'
)


def read_log(path: Path) -> pl.DataFrame:
    """Read a `combined_session` log with one plain regular expression; a line that does not fit has nulls."""
    lines = pl.read_csv(path, separator="\x01", quote_char=None, has_header=False, new_columns=["line"])
    events = lines.select(pl.col("line"), pl.col("line").str.extract_groups(LINE).alias("part")).unnest("part")
    local = pl.col("time").str.to_datetime("%d/%b/%Y:%H:%M:%S %z").dt.convert_time_zone("Europe/Paris")
    subject = pl.col("target").str.extract(r"/patients/(\d{13})/")
    return events.with_columns(time=local, subject=subject, status=pl.col("status").cast(pl.Int32))


class World:
    """A simulated log, read again."""

    def __init__(self, folder: Path, made: Simulated) -> None:
        self.folder = folder
        self.made = made
        self.events = read_log(made.log)
        self.accounts = pl.read_csv(folder / "accounts.csv", schema_overrides={"department": pl.String})
        self.truth = pl.read_parquet(folder / "truth.parquet")
        self.activity = pl.read_parquet(folder / "activity.parquet")

    def views(self, profession: str) -> pl.DataFrame:
        """Return the rights shown to accounts of a profession that no attack used."""
        calm = self.accounts.filter(
            (pl.col("profession") == profession)
            & ~pl.col("account").is_in([one for attack in self.made.attacks for one in attack["accounts"]])
        )
        shown = pl.col("target").str.ends_with("/rights") & (pl.col("status") == 200)
        return self.events.filter(shown & pl.col("user").is_in(calm["account"].to_list()))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    return World(folder, simulate(folder, seed=11, accounts=160, days=28, attacks=["all"], size=0.05))
