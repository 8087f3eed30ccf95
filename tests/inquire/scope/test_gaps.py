"""Gaps that were cut are said; where none was cut, none is, also on quiet nights and days off."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from detector.inquire.scope.dates import missing_days


@pytest.fixture(scope="module")
def lines(portal) -> list[tuple[datetime, str]]:
    with gzip.open(portal.log, "rt") as log:
        return [(when(line), line) for line in log]


def when(line: str) -> datetime:
    at = line.index("[") + 1
    return datetime.strptime(line[at : at + 26], "%d/%b/%Y:%H:%M:%S %z")


@pytest.fixture
def gaps(tmp_path, portal, scoped, lines):
    """Scope the lines that `keep` keeps, written to files that `name` names."""

    def run(name, keep=lambda moment: True, only=lambda line: True, **asked):
        files: dict[str, list[str]] = {}
        for moment, line in lines:
            if keep(moment) and only(line):
                files.setdefault(name(moment), []).append(line)
        folder = tmp_path / "logs"
        folder.mkdir()
        for file, kept in files.items():
            (folder / file).write_text("".join(kept), "utf-8")
        (account,) = portal.attacks["viamedis"]["accounts"]
        return scoped([folder], portal.config, accounts=[account], **asked).finding.gaps

    return run


def by_people(line: str) -> bool:
    """Leave out the probe and the programs that run all night."""
    return "UptimeProbe" not in line and '" "Mozilla' in line


def test_a_whole_log_has_none_in_one_file_or_rotated(gaps):
    assert gaps(lambda moment: f"access.log-{moment:%Y%m%d}") == ()


def test_hours_that_were_cut_are_found_to_the_line(gaps, lines):
    begin, end = datetime(2026, 3, 12, 9, tzinfo=UTC), datetime(2026, 3, 12, 13, tzinfo=UTC)
    (gap,) = gaps(lambda _: "access.log", lambda moment: not begin <= moment < end)
    assert gap.kind == "silence"
    assert gap.start == max(moment for moment, _ in lines if moment < begin)
    assert gap.end == min(moment for moment, _ in lines if moment >= end)
    cut = sum(begin <= moment < end for moment, _ in lines)
    assert gap.missing_count is not None
    assert cut / 4 < gap.missing_count < cut


def test_quiet_nights_days_off_and_an_hour_that_would_have_been_quiet_anyway_are_none(gaps):
    begin = datetime(2026, 3, 12, 2, tzinfo=UTC)
    found = gaps(lambda _: "access.log", lambda moment: not begin <= moment < begin + timedelta(hours=1), by_people)
    assert found == ()


def test_a_rotated_file_that_lacks_is_named(gaps):
    found = gaps(lambda moment: f"access.log.{32 - (moment - datetime(2026, 3, 1, tzinfo=UTC)).days}",
                 lambda moment: moment.astimezone(UTC).day != 12)  # fmt: skip
    assert {gap.kind for gap in found} == {"missing_file", "silence"}
    (lacks,) = (gap for gap in found if gap.kind == "missing_file")
    assert lacks.missing_count == 1
    assert ".21" in lacks.text


def test_a_day_that_lacks_among_dated_files_is_named(gaps):
    found = gaps(lambda moment: f"access-{moment:%Y-%m-%d}.log", lambda moment: moment.day != 12)
    (lacks,) = (gap for gap in found if gap.kind == "missing_file")
    assert "2026-03-12" in lacks.text


def test_a_time_asked_for_that_the_archive_does_not_reach_is_said(gaps):
    found = gaps(lambda _: "access.log", lambda moment: moment.day >= 5, since=datetime(2026, 3, 2, 23, tzinfo=UTC))
    assert [gap.kind for gap in found] == ["not_covered"]


def test_a_file_that_is_cut_off_and_lines_that_cannot_be_read_are_said(tmp_path, portal, scoped):
    (account,) = portal.attacks["viamedis"]["accounts"]
    cut = tmp_path / "access.log.gz"
    cut.write_bytes(portal.log.read_bytes()[:-5000])
    assert "damage" in {gap.kind for gap in scoped([cut], portal.config, accounts=[account]).finding.gaps}
    torn = tmp_path / "torn.log"
    torn.write_bytes(gzip.decompress(portal.log.read_bytes()) + f"192.0.2.1 - {account} [28/Mar\n".encode())
    (gap,) = scoped([torn], portal.config, accounts=[account]).finding.gaps
    assert gap.kind == "rejects"
    assert gap.missing_count == 1


def test_files_that_run_back_in_time_are_said(tmp_path, portal, scoped, lines):
    half = len(lines) // 2
    for name, part in (("access.log.2.gz", lines[: half + 2000]), ("access.log.1.gz", lines[half:])):
        with gzip.open(tmp_path / name, "wt") as log:
            log.writelines(line for _, line in part)
    (account,) = portal.attacks["viamedis"]["accounts"]
    found = scoped([tmp_path / "access.log.2.gz", tmp_path / "access.log.1.gz"], portal.config, accounts=[account])
    assert "backwards" in {gap.kind for gap in found.finding.gaps}


@pytest.mark.parametrize(
    ("stamps", "lacking"),
    [
        (["20260302", "20260303", "20260305", "20260306"], ["2026-03-04"]),
        (["20260302", "20260309", "20260323", "20260330"], ["2026-03-16"]),  # a file a week
        ([f"202603{day:02d}" for day in range(2, 28) if day % 7 != 1], []),  # never one on Sundays
        (["2026030200", "2026030201", "2026030301"], []),
        (["202603", "202605"], []),  # months
        (["20260302", "20260309"], []),  # too few to tell a step
    ],
)
def test_days_lack_by_the_usual_step(stamps, lacking):
    assert [day for _, _, days in missing_days(stamps) for day in days] == lacking
