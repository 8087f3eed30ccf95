"""What the shortcut for flat JSON reads is what decoding reads, and it takes only lines that it can."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.collect.formats import flat
from detector.collect.formats.jsonlines import decode

DTYPE = pl.Struct(
    {"a": pl.String, "b": pl.String, "c": pl.String, "gone": pl.String, "deep": pl.Struct({"x": pl.String})}
)
FIRST = '{"a":"1", "b":-2.5,"c": null ,"z":true}'


def layout() -> flat.Layout:
    found = flat.learn(FIRST, DTYPE)
    assert found is not None
    return found


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
numbers = (
    st.integers(-(10**18) + 1, 10**18 - 1) | st.booleans() | st.none() | st.sampled_from([0.5, -1.25, 1772439300.123])
)


@settings(deadline=None)
@given(rows=st.lists(st.tuples(texts, numbers, numbers, numbers), min_size=1, max_size=8))
def test_it_reads_what_decoding_reads(rows: list[tuple[str, int, int, int]]) -> None:
    lines = pl.Series(
        f'{{"a":{json.dumps(a, ensure_ascii=False)}, "b":{json.dumps(b)},"c": {json.dumps(c)} ,"z":{json.dumps(z)}}}'
        for a, b, c, z in rows
    )
    of_layout = layout().holds(lines)
    taken = lines.filter(of_layout)
    assert of_layout.to_list() == ["\\" not in line for line in lines]
    assert layout().read(taken, DTYPE).equals(decode(taken, DTYPE)[0])


@pytest.mark.parametrize(
    "number", ["200.0", "0.250", "-0", "-0.0", "1e3", "0.000", "-0.5", "100", "1.10000", "9" * 30, "12345678901.123456"]
)
def test_a_number_is_the_same_text_by_layout_by_decoding_and_among_others(number: str) -> None:
    line = FIRST.replace("-2.5", number)
    by_layout, alone, among = (
        layout().read(pl.Series([line]), DTYPE),
        decode(pl.Series([line]), DTYPE)[0],
        decode(pl.Series([line, '{"b":{"x":1}}', "{x}"]), DTYPE)[0].head(1),
    )
    assert alone.equals(among)
    assert alone.equals(by_layout) or not layout().holds(pl.Series([line]))[0]


@pytest.mark.parametrize(
    "line",
    [
        '{"a":"1", "b":-2.5,"c": null ,"z":true} ',
        '{"a":"1", "b":-2.5,"c": null ,"z":true},{"a":"2"}',
        '{"a":"1", "b":-2.5,"c": null ,"z":tru}',
        '{"a":"1", "b":01,"c": null ,"z":true}',
        '{"a":"1", "b":"2","c": null ,"z":true}',
        '{"a":"1\\"", "b":-2.5,"c": null ,"z":true}',
        '{"a":"1", "b":-2.5,"c": null ,"y":true}',
        '{"a":"1\x01", "b":-2.5,"c": null ,"z":true}',
        '{"a":"1","b":9", "b":-2.5,"c": null ,"z":true}',
    ],
)
def test_other_lines_are_left_to_decoding(line: str) -> None:
    assert not layout().holds(pl.Series([line]))[0]


@pytest.mark.parametrize(
    "line", ["{}", '{"a":{"x":1}}', '{"a":[1]}', '{"a":"\\u0041"}', '{"a"}', '{"a":1', "[1]", '{"deep":"x"}', ""]
)
def test_objects_with_nesting_or_escapes_have_no_layout(line: str) -> None:
    assert flat.learn(line, DTYPE) is None


def test_no_field_wanted_is_still_a_row_a_line() -> None:
    assert layout().read(pl.Series([FIRST] * 3), pl.Struct({"other": pl.String})).height == 3
