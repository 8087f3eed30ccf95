"""Which names are rotations of one log, in which order, and which are no logs."""

from itertools import pairwise

import pytest

from detector.collect.source.names import is_log, rotation


@pytest.mark.parametrize(
    ("family", "oldest_first"),
    [
        ("access.log", ["access.log.10.gz", "access.log.2.gz", "access.log.1", "access.log"]),
        ("access.log", ["access.log-20251231.gz", "access.log-20260102", "access.log"]),
        ("access.log", ["access-2025-12-31.log.gz", "access-2026-01-02.log.xz", "access.log"]),
        ("access.log", ["access.log-20260102-1767312000.gz", "access.log-20260103-1767398400"]),
        ("access.log", ["access.log-1767312000.gz", "access.log-1767312001", "access.log-20260103", "access.log"]),
        ("access.log", ["access.log.2026010205", "access.log.2026010206"]),
        ("u_ex.log", ["u_ex260102.log", "u_ex260103.log"]),
        ("ex.log", ["ex26010223.log", "ex26010300.log"]),
        ("localhost_access_log.txt", ["localhost_access_log.2026-01-02.txt", "localhost_access_log.2026-01-03.txt"]),
        ("app.log", ["app-2026-01.log.zst", "app-2026-02.log"]),
        ("app.log", ["app.log.2026-01-02.1", "app.log.2026-01-02.2", "app.log.2026-01-03.1"]),
        ("log", ["20260102.log", "20260103.log"]),
    ],
)
def test_rotations_are_one_family_in_order_of_age(family: str, oldest_first: list[str]) -> None:
    assert {rotation(name).family for name in oldest_first} == {family}
    ages = [rotation(name).age for name in oldest_first]
    assert all(older < newer for older, newer in pairwise(ages))


@pytest.mark.parametrize(
    "name", ["server1.log", "server2.log", "access_10443.log", "a.log", "host-10.log", "portal.8081"]
)
def test_a_number_that_is_no_rotation_stays_in_the_name(name: str) -> None:
    assert rotation(name).family == name
    assert rotation(name).age.live


def test_a_file_and_its_compressed_copy_have_one_name() -> None:
    assert rotation("access.log.1.gz").unpacked == rotation("access.log.1").unpacked == "access.log.1"


@pytest.mark.parametrize(
    "name",
    ["access.log", "access.log.1.gz", "u_ex260102.log", "events.json", "localhost_access_log.2026-01-02.txt", "portal"],
)
def test_logs_of_a_folder_are_read(name: str) -> None:
    assert is_log(name)


@pytest.mark.parametrize(
    "name",
    [".hidden.log", "accounts.csv", "a.parquet", "README.md", "config.yml", "x.yaml", "report.html", "notes.txt",
     "labels.json", "labels.jsonl", "accounts.csv.gz", "access.log~", "logs.tar.gz", "table.mmdb"],
)  # fmt: skip
def test_files_that_are_plainly_no_logs_are_not(name: str) -> None:
    assert not is_log(name)
