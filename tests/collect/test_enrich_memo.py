import polars as pl

from detector.collect.enrich.memo import Memo, over_unique


class Squares:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    def __call__(self, keys: pl.DataFrame) -> pl.DataFrame:
        self.asked += keys["n"].to_list()
        return keys.with_columns(square=pl.col("n") ** 2)


def numbers(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({"n": pl.Series(values, dtype=pl.Int64)})


def test_rows_keep_their_order_and_each_value_is_asked_once() -> None:
    squares = Squares()
    found = over_unique(numbers(3, 1, 3, None, 1), squares)
    assert found["square"].to_list() == [9, 1, 9, None, 1]
    assert len(squares.asked) == 3


def test_a_memo_asks_only_for_what_is_new() -> None:
    squares = Squares()
    memo = Memo(squares)
    memo(numbers(1, 2, None))
    assert memo(numbers(2, 3, None, 1))["square"].to_list() == [4, 9, None, 1]
    assert sorted(squares.asked, key=str) == [1, 2, 3, None]


def test_a_memo_never_outgrows_its_limit_and_stays_right() -> None:
    memo = Memo(Squares(), limit=5)
    for start in range(0, 40, 4):
        batch = numbers(*range(start, start + 8))
        assert memo(batch)["square"].to_list() == [n * n for n in range(start, start + 8)]
        assert memo.known is not None
        assert memo.known.height <= 5


def test_a_memo_of_long_texts_is_bounded_too() -> None:
    memo = Memo(lambda keys: keys.with_columns(pl.col("text").str.len_bytes().alias("size")), limit_bytes=100_000)
    for start in range(0, 100, 10):
        texts = [f"{n}" * 1000 for n in range(start + 10, start + 20)]
        assert memo(pl.DataFrame({"text": texts}))["size"].to_list() == [len(text) for text in texts]
        assert memo.known is None or memo.known.estimated_size() <= 100_000
