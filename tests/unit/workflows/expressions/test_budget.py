"""Budgets: what is charged, and that the size of the context is not."""

from typing import Any

import pytest

from orchestra.workflows.expressions import (
    BUILT_MAX_BYTES,
    STEPS_MAX,
    Budget,
    OverBudget,
    Program,
)


def spent(source: str, scope: dict[str, Any]) -> tuple[int, int]:
    budget = Budget()
    Program(source).json(scope, budget)
    return STEPS_MAX - budget.steps, BUILT_MAX_BYTES - budget.bytes


@pytest.mark.parametrize(
    ("source", "steps", "built"),
    [
        ("1", 1 + 1, 0),
        ("a.b", 2 + 1, 0),
        ("1 + 1", 3 + 1, 0),
        ("1 == 1", 3 + 1 + 1, 0),
        ("'ab' + 'cd'", 3 + 1, 4),
        ("[1, 2]", 3 + 3 + 3, 4 + 8),
        ("{'k': 'v'}", 3 + 2 + 2, 2 + 1 + 1),
        ("[1, 2].map(i, i)", 5 + 3 + 2 * 2 + 3, 12 + 16),
        ("[1, 2].all(i, true)", 5 + 3 + 2 * 2 + 1, 12),
        ("lists.range(10)", 2 + 10 + 11, 40),
    ],
)
def test_every_step_and_byte_is_charged(source: str, steps: int, built: int) -> None:
    assert spent(source, {"a": {"b": 1}}) == (steps, built)


CONDITIONS = [
    "input.score > 0.5 && input.kind == 'mail'",
    "has(input.text) && size(input.rows) > 2",
    "input.text.startsWith('a') || input.rows[0].id == 3",
    "input.text.substring(0, 3) == 'aaa'",
    "'kind' in input && input.?missing.orValue(true)",
    "input.rows.first().hasValue()",
    "{'d': input.kind}.d == input['kind']",
]


@pytest.mark.parametrize("source", [*CONDITIONS, "input", "input.rows", "input.?text"])
def test_a_large_context_costs_what_a_small_one_costs(source: str) -> None:
    def context(rows: int, text: int) -> dict[str, Any]:
        filled = [{"id": at, "note": "n" * 80} for at in range(rows)]
        return {"input": {"score": 0.7, "kind": "mail", "text": "a" * text, "rows": filled}}

    small, large = context(8, 300), context(8_000, 300_000)  # 1 KB and 1 MB

    assert spent(source, large) == spent(source, small)


@pytest.mark.parametrize(
    "source",
    [
        "lists.range(50000).size() > 0",
        "lists.range(20000).all(i, true)",
        "lists.range(300).map(i, lists.range(300)).size() > 0",
        "lists.range(9000).map(i, i + 1).sort().size() > 0",
    ],
)
def test_too_many_steps_end_the_evaluation(source: str) -> None:
    with pytest.raises(OverBudget) as caught:
        Program(source)({})

    assert caught.value.code == "expression.limit"


@pytest.mark.parametrize(
    "source",
    [
        "t + t",
        "[t, t]",
        "{'a': t, 'b': t}",
        "[1, 2].map(i, t)",
        "[1, 2].transformMap(i, v, t)",
        "t.replace('x', 'xx')",
        "t.split('')",
        "'%s%s'.format([t, t])",
        "json.encode([t, t])",
        "[[t]].map(x, x) + [[t]]",
    ],
)
def test_too_large_a_value_ends_the_evaluation(source: str) -> None:
    with pytest.raises(OverBudget):
        Program(source)({"t": "x" * 600_000})


@pytest.mark.parametrize(
    "source",
    [
        "lists.range(60000).size() == 0 || true",
        "[1].exists(i, lists.range(60000).size() == 0) || true",
        "[1, 2].exists(i, i == 2 || lists.range(60000).size() == 0)",
        "[1].all(i, lists.range(60000).size() == 0) && false",
    ],
)
def test_logic_never_absorbs_an_exceeded_budget(source: str) -> None:
    with pytest.raises(OverBudget):
        Program(source).test({})


def test_loop_bodies_are_charged_whole() -> None:
    cheap, dear = "l.filter(i, false)", "l.filter(i, false && i + 1 + 2 + 3 + 4 > 5)"
    scope = {"l": list(range(100))}

    assert spent(dear, scope)[0] - spent(cheap, scope)[0] == 101 * 12


def test_a_text_is_compared_for_steps_by_its_length() -> None:
    scope = {"a": "x" * 1_000_000, "b": "x" * 999_999 + "y", "s": "x"}

    assert spent("a == b", scope)[0] == spent("s == s", scope)[0] + 244
    assert spent("a == s", scope) == spent("s == s", scope)
