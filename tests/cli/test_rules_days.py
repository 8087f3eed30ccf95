from collections import Counter
from datetime import date, timedelta

import pytest

from detector.cli import table
from detector.cli.rules import days

FIRST = date(2026, 3, 2)  # a Monday


def columns(monkeypatch, width: int, count: int) -> tuple[list[str], list[list[str]]]:
    monkeypatch.setattr(days, "width", lambda: width)
    counts = Counter({FIRST: 3, FIRST + timedelta(days=count - 1): 12})
    return days.day_columns([FIRST + timedelta(days=n) for n in range(count)], [counts])


def test_a_column_a_day_where_there_is_room(monkeypatch):
    assert columns(monkeypatch, 200, 3) == (["03-02", "03-03", "03-04"], [["3", ".", "12"]])


@pytest.mark.parametrize(("width", "count"), [(80, 7), (120, 60)])
def test_a_character_a_day_where_there_is_not(monkeypatch, width, count):
    headers, cells = columns(monkeypatch, width, count)
    assert cells == [["3" + "." * (count - 2) + "+"]]
    assert len(headers[0]) == count
    assert headers[0].startswith("2      9"[:count])


def test_a_table_is_cut_in_its_first_column_alone(monkeypatch, capsys):
    monkeypatch.setattr(table, "width", lambda: 40)
    table.print_table(("rule", "alerts"), [("A title that is far too long for it, é", "1,234"), ("\x1b[31mRed", "5")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "rule                              alerts",
        "A title that is far too long fo…   1,234",
        "\\x1b[31mRed".ljust(32) + "       5",
    ]


def test_a_table_is_whole_where_no_terminal_measures_it(capsys):
    table.print_table(("rule", "alerts"), [("t" * 300, "1")])
    assert "t" * 300 + "       1" in capsys.readouterr().out
