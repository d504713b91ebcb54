"""Templates: whole values, text, absence, escapes, secrets, and what is shared."""

from typing import Any

import pytest

from orchestra.workflows.expressions import (
    NOTHING,
    Budget,
    Malformed,
    Mismatch,
    Missing,
    OverBudget,
    Program,
    Template,
    template_parts,
)

SCOPE: dict[str, Any] = {
    "input": {"text": "hi", "n": 3, "f": 2.0, "l": [1, "a"], "m": {"k": None}, "none": None},
    "sly": "${input.text} ${secret:key}",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${input.n}", 3),
        ("${ input.f }", 2.0),
        ("${input.l}", [1, "a"]),
        ("${input.none}", None),
        ("${{'a': {'b': 1}}}", {"a": {"b": 1}}),
        ("${'}'}", "}"),
        ("${input.m.map(k, '{' + k)}", ["{k"]),
        ("n=${input.n}", "n=3"),
        (" ${input.n}", " 3"),
        ("${input.text}${input.n}", "hi3"),
        ("${input.f} ${input.n > 2}", "2 true"),
        ("l: ${input.l}, m: ${input.m}", 'l: [1,"a"], m: {"k":null}'),
        ("${input.?nope.orValue('')}!", "!"),
        ("$${input.text}", "${input.text}"),
        ("$${a} ${input.n}", "${a} 3"),
        ("$$ $5 ${input.n}$", "$$ $5 3$"),
        ("${secret:api-key}", "${secret:api-key}"),
        ("Bearer ${secret:k.1} ${input.n}", "Bearer ${secret:k.1} 3"),
        ("${sly}", "${input.text} ${secret:key}"),
        ("${sly}!", "${input.text} ${secret:key}!"),
        ("", ""),
        (7, 7),
        (None, None),
        ({"a": "${input.n}", "b": [1, "${input.text}"]}, {"a": 3, "b": [1, "hi"]}),
        ({"${input.n}": 1}, {"${input.n}": 1}),
        ({"a": 1, "b": "${input.?x}", "c": 2}, {"a": 1, "c": 2}),
        (["a", "${input.?x}", "b"], ["a", "b"]),
        ({"a": {"b": "${input.?x}"}}, {"a": {}}),
    ],
)
def test_a_template_is_rendered(template: Any, expected: Any) -> None:
    rendered = Template(template).render(SCOPE)

    assert rendered == expected
    assert type(rendered) is type(expected)


def test_an_absent_whole_template_is_nothing() -> None:
    assert Template("${input.?x}").render(SCOPE) is NOTHING


def test_keys_keep_the_order_of_the_definition() -> None:
    rendered = Template({"z": "${input.n}", "a": 1, "m": "${input.n}"}).render(SCOPE)

    assert list(rendered) == ["z", "a", "m"]


@pytest.mark.parametrize("template", ["a ${input.none}", "a ${input.?x}"])
def test_null_and_absent_are_errors_inside_text(template: str) -> None:
    with pytest.raises(Mismatch, match=r"is empty inside text; add \.orValue\(''\)"):
        Template(template).render(SCOPE)


def test_a_failure_passes_through() -> None:
    with pytest.raises(Missing, match="did you mean 'text'"):
        Template({"a": ["${input.txt}"]}).render(SCOPE)


@pytest.mark.parametrize(
    ("template", "position"),
    [
        ("abc ${1 +}", 9),
        ("${a} and ${b", 9),
        ("${'abc}", 2),
        ("x ${nope(1)}", 4),
        ("${}", 2),
        ("${secret:with space}", 8),
        ("${a.matches('(')}", 4),
    ],
)
def test_malformed_says_where_in_the_whole_string(template: str, position: int) -> None:
    with pytest.raises(Malformed) as caught:
        Template({"a": [template]})

    assert caught.value.position == position


@pytest.mark.parametrize("value", [1, None, "text", "$${x}", "${secret:a}", [1, {"a": "b"}], {}])
def test_a_template_without_an_expression_is_constant(value: Any) -> None:
    template = Template(value)

    assert template.constant
    assert template.references() == []
    assert template.render({}) is template.render({})


def test_a_template_with_an_expression_is_not_constant() -> None:
    assert not Template({"a": [{"b": "${1}"}]}).constant
    assert not Template("x ${1}").constant


def test_parts_without_an_expression_are_shared_by_all_renderings() -> None:
    template = Template({"fixed": {"a": [1, 2]}, "n": "${input.n}", "rows": "${input.l}"})

    first, second = template.render(SCOPE), template.render(SCOPE)

    assert first is not second
    assert first["fixed"] is second["fixed"]
    assert first["rows"] is SCOPE["input"]["l"]


def test_a_rendering_does_not_change_the_template() -> None:
    template = Template({"a": "${input.?x}", "l": ["${input.?x}", 1]})

    assert template.render({"input": {}}) == {"l": [1]}
    assert template.render({"input": {"x": 2}}) == {"a": 2, "l": [2, 1]}


def test_references_and_programs_come_in_the_order_of_the_document() -> None:
    template = Template({"a": "${input.x} ${vars.y}", "b": ["${steps.s.?output}"]})

    assert [p.source for p in template.programs()] == ["input.x", "vars.y", "steps.s.?output"]
    assert [(r.path, r.strict, r.position) for r in template.references()] == [
        (("input", "x"), True, 2),
        (("vars", "y"), True, 13),
        (("steps", "s", "output"), False, 2),
    ]


def test_parts_are_literals_and_programs() -> None:
    parts = template_parts("a $${ ${x.y} b")

    assert [p.source if isinstance(p, Program) else p for p in parts] == ["a ${ ", "x.y", " b"]
    assert isinstance(parts[1], Program)
    assert parts[1].offset == 8
    assert template_parts("") == [""]


def test_one_budget_holds_for_all_expressions_of_a_template() -> None:
    # 6 nodes, a range of 100, 100 rounds of 1 + 3 nodes, and 101 values checked.
    source = "${lists.range(100).map(i, i + 1)}"
    alone = Budget()
    Template(source).render({}, alone)
    spent = 50_000 - alone.steps
    assert spent == 6 + 100 + 100 * 4 + 101

    fits = Template([source] * (50_000 // spent))
    too_many = Template([source] * (50_000 // spent + 1))

    fits.render({})
    with pytest.raises(OverBudget):
        too_many.render({})


def test_text_is_charged_as_built() -> None:
    scope = {"t": "x" * 600_000}

    assert Template("${t}").render(scope) is scope["t"]
    assert len(Template("a ${t}").render(scope)) == 600_002
    with pytest.raises(OverBudget):
        Template("${t} ${t}").render(scope)


def test_a_constant_template_spends_nothing() -> None:
    budget = Budget(steps=0, size=0)

    assert Template({"a": ["b"] * 1_000}).render({}, budget) == {"a": ["b"] * 1_000}


def test_a_very_deep_template_is_refused_and_not_a_crash() -> None:
    deep: Any = "${x}"
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(Malformed, match="too deeply"):
        Template(deep)
