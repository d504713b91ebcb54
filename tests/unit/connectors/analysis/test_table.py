import msgspec
import pytest

from orchestra.connectors.analysis.table import CELLS_MAX, COLUMNS_MAX, NotATable, read

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        [["a", "b"], [1, "x"], [2, "y"]],
        {"a": [1, 2], "b": ["x", "y"]},
        msgspec.json.encode(ROWS).decode(),
    ],
    ids=["objects", "lists", "columns", "json text"],
)
def test_one_table_in_many_forms(data: object) -> None:
    table = read(data)

    assert table.rows == 2
    assert table.columns == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_is_read_whatever_stands_between_its_values(mark: str) -> None:
    text = 'name,note\nAna,"two\nlines"\nBo,\n'.replace(",", mark)

    table = read(text)

    assert table.rows == 2
    assert table.columns == {"name": ["Ana", "Bo"], "note": ["two\nlines", None]}


def test_csv_without_names_gets_some() -> None:
    assert read("1,2\n3,4").columns == {"column_1": ["1", "3"], "column_2": ["2", "4"]}


def test_rows_may_be_longer_or_shorter_than_the_header() -> None:
    table = read("a,b\n1\n1,2,3\n\n4,5")

    assert table.rows == 3
    assert table.columns == {
        "a": ["1", "1", "4"],
        "b": [None, "2", "5"],
        "column_3": [None, "3", None],
    }


@pytest.mark.parametrize(
    ("data", "values"), [([3, 1, 2], [3, 1, 2]), (5, [5]), ("word", ["word"]), (True, [True])]
)
def test_scalars_are_one_column(data: object, values: list[object]) -> None:
    assert read(data).columns == {"value": values}


@pytest.mark.parametrize("data", [[], {}, None, "", "  \n ", "[]", "{}", "null_"[:0]])
def test_nothing_is_no_rows(data: object) -> None:
    assert read(data).rows == 0


def test_one_object_is_one_row_and_objects_inside_become_dotted_columns() -> None:
    table = read({"id": 1, "address": {"city": "Oslo", "geo": {"lat": 59.9}}})

    assert table.rows == 1
    assert table.columns == {"id": [1], "address.city": ["Oslo"], "address.geo.lat": [59.9]}


def test_rows_of_different_kinds_stand_side_by_side() -> None:
    assert read([{"a": 1}, 7, None, {"b": 2}]).columns == {
        "a": [1, None, None, None],
        "value": [None, 7, None, None],
        "b": [None, None, None, 2],
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "", " ", "N/A", "null", "NaN", None])
def test_what_stands_for_nothing_is_missing(value: object) -> None:
    assert read([{"a": value, "b": 1}]).columns["a"] == [None]


def test_a_large_table_is_sampled_the_same_way_each_time() -> None:
    rows = [{"n": at, "even": at % 2 == 0} for at in range(CELLS_MAX)]

    one, other = read(rows), read(rows)

    assert one.sampled
    assert one.rows == CELLS_MAX
    assert len(one.numbers) == CELLS_MAX // 2
    assert one.columns == other.columns
    assert one.columns["n"] == list(one.numbers)


def test_exactly_the_limit_is_not_sampled() -> None:
    assert not read([[at] * 10 for at in range(CELLS_MAX // 10)]).sampled


def test_a_row_of_countless_fields_keeps_the_first() -> None:
    table = read([{f"f{at}": at for at in range(5_000)}])

    assert len(table.columns) == COLUMNS_MAX
    assert table.columns_left_out == 5_000 - COLUMNS_MAX


def test_depth_has_an_end() -> None:
    deep: object = "bottom"
    for _ in range(900):
        deep = [{"in": deep}]

    assert read([{"a": deep}]).rows == 1
    assert read("[" * 5_000).rows == 1


def test_a_field_too_long_for_csv_is_refused() -> None:
    with pytest.raises(NotATable, match="CSV"):
        read("a,b\n1," + "x" * 200_000)
