"""Conditions, JSON values, and what can be said about an expression before it runs."""

from typing import Any

import pytest

from orchestra.workflows.expressions import Mismatch, Program, Reference

SCOPE = {"input": {"n": 3, "rows": [{"a": 1}], "ok": True}}


def test_a_condition_must_be_boolean() -> None:
    assert Program("input.n > 2").test(SCOPE) is True
    for source in ("input.n", "'true'", "null", "optional.of(true)"):
        with pytest.raises(Mismatch, match="a condition does not work on"):
            Program(source).test(SCOPE)


def test_json_unwraps_an_optional() -> None:
    assert Program("input.?n").json(SCOPE) == 3


@pytest.mark.parametrize(
    "source",
    [
        "0.0 / 0",
        "1.0 / 0",
        "int",
        "type(1)",
        "[optional.none()]",
        "{1: 2}",
        "1e999",
        "[string]",
        "true ? 1e999 : 1",
        "input.?n.orValue(1) == 3 ? type(1) : 2",
    ],
)
def test_what_json_cannot_hold_is_a_mismatch(source: str) -> None:
    with pytest.raises(Mismatch):
        Program(source).json(SCOPE)


def test_a_part_of_the_scope_is_passed_on_and_not_copied() -> None:
    rows = SCOPE["input"]["rows"]

    for source in ("input.rows", "input['rows']", "input.?rows", "input.?x.orValue(input.rows)"):
        assert Program(source).json(SCOPE) is rows


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.text", [("input.text", True)]),
        ("steps['a-b'].output.x", [("steps.a-b.output.x", True)]),
        ("input.?a.b + vars.c", [("input.a.b", False), ("vars.c", True)]),
        ("has(input.a) && input.b", [("input.a", False), ("input.b", True)]),
        ("input.rows[0].id", [("input.rows", True)]),
        ("input.rows[vars.at]", [("input.rows", True), ("vars.at", True)]),
        ("input.l.map(x, x.a + vars.b)", [("input.l", True), ("vars.b", True)]),
        ("l.map(x, x) + [x]", [("l", True), ("x", True)]),
        ("type(a) == string", [("a", True)]),
        ("math.abs(n)", [("n", True)]),
        ("1 + 1", []),
    ],
)
def test_references_are_the_paths_that_are_read(
    source: str, expected: list[tuple[str, bool]]
) -> None:
    found = [(".".join(r.path), r.strict) for r in Program(source).references()]

    assert found == expected


def test_a_reference_knows_where_it_is() -> None:
    (reference,) = Program("  1 + input.a.b").references()

    assert reference == Reference(("input", "a", "b"), strict=True)
    assert reference.position == 6


@pytest.mark.parametrize(
    ("source", "surely_not"),
    [
        ("1", True),
        ("[true]", True),
        ("{}", True),
        ("a + b", True),
        ("size(a)", True),
        ("l.map(x, true)", True),
        ("a.trim()", True),
        ("a ? 1 : 'b'", True),
        ("min(a, b)", True),
        ("true", False),
        ("a", False),
        ("a.b", False),
        ("a == b", False),
        ("!a", False),
        ("l.all(x, x)", False),
        ("a.?b.orValue(false)", False),
        ("a ? 1 : b", False),
        ("bool(a)", False),
        ("dyn(1)", False),
    ],
)
def test_what_can_never_be_a_condition_is_known_at_save(source: str, surely_not: bool) -> None:
    assert Program(source).surely_not_bool() is surely_not


def test_a_program_can_be_run_again_with_another_scope() -> None:
    program = Program("a.b + 1")

    values: list[Any] = [program({"a": {"b": n}}) for n in range(3)]

    assert values == [1, 2, 3]
