"""Paths, indexes, `has`, and the hints when something is not there."""

from typing import Any

import pytest

from orchestra.workflows.expressions import (
    NOTHING,
    ExpressionFailed,
    Maybe,
    Mismatch,
    Missing,
    Program,
)

SCOPE = {
    "input": {"text": "hi", "rows": [{"id": 1}, {"id": 2}], "none": None, "odd-key": 3},
    "steps": {"classify": {"output": {"label": "spam"}}, "a-b": {"status": "completed"}},
    "text": "abc",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.text", "hi"),
        ("input['text']", "hi"),
        ("input.`odd-key`", 3),
        ('steps["a-b"].status', "completed"),
        ("steps.classify.output.label", "spam"),
        ("input.rows[1].id", 2),
        ("input.rows[1.0].id", 2),
        ("{true: 'b'}[true]", "b"),
        ("{2: 'b'}[2.0]", "b"),
        ("has(input.text)", True),
        ("has(input.none)", True),
        ("has(input.nope)", False),
        (".input.text", "hi"),
        ("string == type('a')", True),
    ],
)
def test_a_path_leads_to_its_value(source: str, expected: Any) -> None:
    assert Program(source)(SCOPE) == expected


def test_a_map_has_each_key_once_and_true_is_one() -> None:
    for source in ("{'a': 1, 'a': 2}", "{1: 'a', true: 'b'}"):
        with pytest.raises(ExpressionFailed, match="is there twice"):
            Program(source)(SCOPE)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("input.txt", "no key 'txt', did you mean 'text'?"),
        ("input.zzzzzz", "no key 'zzzzzz', there is text, rows, none, odd-key"),
        ("input.rows[2]", "no index 2 in a list of 2"),
        ("input.rows[-1]", "no index -1 in a list of 2"),
        ("nope.text", "unknown name 'nope', there is input, steps, text"),
        ("{}['a']", "no key 'a', there is nothing"),
        ("{true: 1}[1]", "no key '1', there is nothing"),
        ("steps.clasify.output", "no key 'clasify', did you mean 'classify'?"),
    ],
)
def test_what_is_missing_is_an_error_with_a_hint(source: str, message: str) -> None:
    with pytest.raises(Missing) as caught:
        Program(source)(SCOPE)

    assert str(caught.value) == message
    assert caught.value.code == "expression.missing"


@pytest.mark.parametrize(
    "source",
    [
        "text.size",
        "text[0]",
        "input.rows.id",
        "input.none.x",
        "input.rows['id']",
        "text.?x",
        "input[null]",
        "has(text.x)",
        "input.rows[?'x'].y",
        "1.5.x",
    ],
)
def test_a_field_of_what_has_none_is_a_mismatch(source: str) -> None:
    with pytest.raises(Mismatch):
        Program(source)(SCOPE)


@pytest.mark.parametrize(
    "source", ["text.__class__", "input.__class__", "input.get", "text.format.__globals__"]
)
def test_no_attribute_of_a_python_object_is_reachable(source: str) -> None:
    with pytest.raises((Missing, Mismatch)):
        Program(source)(SCOPE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.?text.orValue('no')", "hi"),
        ("input.?nope.orValue('no')", "no"),
        ("input.?nope.deeper.still.orValue('no')", "no"),
        ("input.?rows[0].id.value()", 1),
        ("input[?'nope'].hasValue()", False),
        ("input.rows[?0].id.orValue(0)", 1),
        ("input.rows[?9].id.orValue(0)", 0),
        ("input.?nope.or(input.?text).value()", "hi"),
        ("optional.of(1).hasValue()", True),
        ("optional.none().orValue(3)", 3),
        ("optional.ofNonZeroValue(0).hasValue()", False),
        ("optional.ofNonZeroValue('x').value()", "x"),
        ("optional.of(1) == optional.of(1.0)", True),
        ("optional.of(1) == optional.none()", False),
        ("input.?text.optMap(t, t + '!').orValue('')", "hi!"),
        ("input.?nope.optMap(t, t + '!').orValue('')", ""),
        ("input.?rows.optFlatMap(r, r.first()).id.value()", 1),
        ("[?input.?text, ?input.?nope, 3]", ["hi", 3]),
        ("{?'a': input.?text, ?'b': input.?nope}", {"a": "hi"}),
        ("has(input.?nope.x)", False),
        ("type(optional.none()) == optional_type", True),
    ],
)
def test_an_optional_says_what_to_do_without(source: str, expected: Any) -> None:
    assert Program(source)(SCOPE) == expected


@pytest.mark.parametrize("source", ["input.?nope", "input.rows[?5]", "optional.none()"])
def test_an_absent_optional_is_nothing_in_json(source: str) -> None:
    value = Program(source)(SCOPE)

    assert isinstance(value, Maybe)
    assert not value.present
    assert Program(source).json(SCOPE) is NOTHING


def test_the_value_of_an_absent_optional_is_missing() -> None:
    with pytest.raises(Missing, match="absent optional"):
        Program("input.?nope.value()")(SCOPE)


def test_a_hint_is_not_made_for_a_failure_that_nobody_reads() -> None:
    class Counted(dict[str, int]):
        asked = 0

        def __iter__(self) -> Any:
            Counted.asked += 1
            return super().__iter__()

    scope = {"owner": Counted(a=1)}

    assert Program("owner.b == 1 || true").test(scope)
    assert Counted.asked == 0
