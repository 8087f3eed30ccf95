import sqlite3

import pytest

from detector.context.store import Store


class Number:
    def __init__(self, value=0):
        self.value = value

    def numbers(self):
        return [self.value]

    @classmethod
    def from_numbers(cls, numbers):
        return cls(numbers[0])


def store(database, most=2, durable=True):
    return Store(database, "number", Number.from_numbers, most=most, durable=durable)


@pytest.mark.parametrize("durable", [True, False])
def test_the_least_recently_used_leave_memory_and_come_back(durable):
    kept = store(sqlite3.connect(""), durable=durable)
    kept.put((name, Number(index)) for index, name in enumerate("abcd"))
    assert kept.evicted_count == 2
    assert [kept.get(name).value for name in "abcd"] == [0, 1, 2, 3]
    assert kept.get("nobody") is None


def test_a_durable_store_is_there_for_the_next_run_once_committed(tmp_path):
    database = sqlite3.connect(tmp_path / "state.sqlite")
    store(database).put([("a", Number(5)), ("b", Number(6))])
    database.commit()
    store(database).put([("a", Number(9))])
    database.close()
    after = store(sqlite3.connect(tmp_path / "state.sqlite"))
    assert after.get("a").value == 5
    after.forget("b")
    assert after.get("b") is None
