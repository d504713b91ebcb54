"""Every macro, with one variable and with two."""

from typing import Any

import pytest

from orchestra.workflows.expressions import (
    MACROS,
    ExpressionFailed,
    Malformed,
    Mismatch,
    Missing,
    Program,
)

SCOPE = {"l": [1, 2, 3], "m": {"a": 1, "b": 2}, "x": "outer"}
TABLE: dict[str, list[tuple[str, Any]]] = {
    "all": [
        ("l.all(i, i > 0)", True),
        ("l.all(i, i > 1)", False),
        ("[].all(i, false)", True),
        ("l.all(at, i, at < i)", True),
        ("m.all(k, k in ['a', 'b'])", True),
        ("m.all(k, v, v == 1)", False),
    ],
    "exists": [
        ("l.exists(i, i == 2)", True),
        ("l.exists(i, i > 3)", False),
        ("m.exists(k, v, k == 'b' && v == 2)", True),
        ("[].exists(i, true)", False),
    ],
    "exists_one": [
        ("l.exists_one(i, i > 2)", True),
        ("l.exists_one(i, i > 1)", False),
        ("l.exists_one(at, i, at == 0)", True),
    ],
    "existsOne": [("l.existsOne(i, i > 2)", True), ("m.existsOne(k, v, v > 0)", False)],
    "map": [
        ("l.map(i, i * 2)", [2, 4, 6]),
        ("l.map(i, i > 1, i * 2)", [4, 6]),
        ("m.map(k, k + '!')", ["a!", "b!"]),
    ],
    "filter": [("l.filter(i, i != 2)", [1, 3]), ("m.filter(k, k == 'a')", ["a"])],
    "transformList": [
        ("l.transformList(at, i, at * i)", [0, 2, 6]),
        ("m.transformList(k, v, v > 1, k)", ["b"]),
    ],
    "transformMap": [
        ("m.transformMap(k, v, v + 1)", {"a": 2, "b": 3}),
        ("l.transformMap(at, i, at > 0, i)", {1: 2, 2: 3}),
    ],
    "optMap": [("m.?a.optMap(v, v + 1).value()", 2), ("m.?z.optMap(v, v + 1).hasValue()", False)],
    "optFlatMap": [
        ("m.?a.optFlatMap(v, optional.of(v)).value()", 1),
        ("m.?a.optFlatMap(v, m.?z).hasValue()", False),
    ],
}


def test_the_table_has_every_macro() -> None:
    assert set(TABLE) == set(MACROS)


@pytest.mark.parametrize(("source", "expected"), [row for rows in TABLE.values() for row in rows])
def test_a_macro_has_its_value(source: str, expected: Any) -> None:
    assert Program(source)(SCOPE) == expected


def test_macros_nest_and_their_variables_hide_the_scope_only_inside() -> None:
    source = "[l.map(x, l.map(y, x * y)), x]"

    assert Program(source)(SCOPE) == [[[1, 2, 3], [2, 4, 6], [3, 6, 9]], "outer"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[1, 'a', 3].exists(i, i > 2)", True),
        ("[1, 'a', -3].all(i, i > 0)", False),
    ],
)
def test_one_decisive_round_settles_it_even_when_another_fails(source: str, expected: bool) -> None:
    assert Program(source).test(SCOPE) is expected


@pytest.mark.parametrize("source", ["[1, 'a'].exists(i, i > 2)", "[1, 'a'].all(i, i > 0)"])
def test_without_a_decisive_round_the_failure_stays(source: str) -> None:
    with pytest.raises(Mismatch):
        Program(source).test(SCOPE)


@pytest.mark.parametrize(
    "source",
    [
        "1.map(i, i)",
        "'abc'.filter(c, true)",
        "null.all(i, true)",
        "l.filter(i, i)",
        "l.exists_one(i, 1)",
        "l.map(i, i, i)",
        "1.optMap(v, v)",
        "m.?a.optFlatMap(v, v)",
    ],
)
def test_a_macro_on_the_wrong_kind_is_a_mismatch(source: str) -> None:
    with pytest.raises(Mismatch):
        Program(source)(SCOPE)


@pytest.mark.parametrize(
    "source",
    [
        "l.map(1, 2)",
        "l.map(i)",
        "l.map()",
        "l.filter(i, true, i)",
        "l.filter(i, j, k, true)",
        "map(l, i, i)",
        "l.transformList(i, i)",
        "l.transformMap(i, 1, i)",
    ],
)
def test_a_macro_of_another_shape_is_malformed(source: str) -> None:
    with pytest.raises(Malformed):
        Program(source)


def test_a_variable_is_not_there_after_its_macro() -> None:
    with pytest.raises(Missing, match="unknown name 'i'"):
        Program("l.all(i, true) && i == 1").test(SCOPE)


def test_a_method_with_a_macros_name_is_no_macro_without_a_variable() -> None:
    with pytest.raises(ExpressionFailed, match=r"map\(\) takes a variable"):
        Program("l.map('a')")
