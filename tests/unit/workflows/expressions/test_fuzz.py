"""Whatever the text and whatever the data, only ExpressionFailed ever escapes."""

import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.workflows.expressions import (
    FUNCTIONS,
    MACROS,
    NOTHING,
    ExpressionFailed,
    Program,
    Template,
)

FUZZ = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NAMES = ("input", "text", "rows", "n", "f", "yes", "none", "x", "y", "string", "missing")
LITERALS = ("0", "1", "-1", "2.5", "1e999", "''", "'a'", r"'\u00e9'", "true", "null", "[]", "{}")
OPERATORS = ("||", "&&", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010), max_size=3)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("a", "b", "1")) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
SCOPES = st.fixed_dictionaries(dict.fromkeys(NAMES[:-2], JSON))


def _call(parts: tuple[str, list[str]]) -> str:
    name, arguments = parts
    if name.startswith("."):
        return f"({arguments[0]}){name}({', '.join(arguments[1:])})"
    return f"{name}({', '.join(arguments)})"


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators, macros = st.sampled_from(OPERATORS), st.sampled_from(sorted(MACROS))
    fields = st.sampled_from((".a", ".?b", "[0]", "[?1]", "['a']", "[n]"))
    calls = [
        st.tuples(st.just(name), st.lists(inner, min_size=known.least, max_size=min(known.most, 3)))
        for name, known in sorted(FUNCTIONS.items())
    ]
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, fields).map("".join),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
        st.tuples(inner, macros, inner).map(lambda p: f"({p[0]}).{p[1]}(x, {p[2]})"),
        st.tuples(inner, macros, inner).map(lambda p: f"({p[0]}).{p[1]}(x, y, {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"[{p[0]}, ?{p[1]}]"),
        st.tuples(inner, inner).map(lambda p: f"{{{p[0]}: {p[1]}}}"),
        st.one_of(calls).map(_call),
    )


SOURCES = st.recursive(st.sampled_from((*NAMES, *LITERALS)), _larger, max_leaves=8)
NOISE = st.text(st.sampled_from(string.printable + "éß😀\ud800${}"), max_size=60)


def evaluate(source: str, scope: dict[str, Any]) -> None:
    try:
        program = Program(source)
        list(program.references())
        program.surely_not_bool()
        program.json(scope)
        program.test(scope)
    except ExpressionFailed as failure:
        check(failure)


def check(failure: ExpressionFailed) -> None:
    assert failure.code.startswith("expression.")
    assert str(failure)


@FUZZ
@given(SOURCES, SCOPES)
def test_only_expression_failed_escapes_an_expression(source: str, scope: dict[str, Any]) -> None:
    evaluate(source, scope)


@FUZZ
@given(NOISE, SCOPES)
def test_only_expression_failed_escapes_noise(source: str, scope: dict[str, Any]) -> None:
    evaluate(source, scope)


@FUZZ
@given(st.tuples(NOISE, SOURCES, NOISE), SCOPES)
def test_only_expression_failed_escapes_a_template(
    parts: tuple[str, str, str], scope: dict[str, Any]
) -> None:
    before, source, after = parts
    try:
        rendered = Template({"a": [f"{before}${{{source}}}{after}", f"${{{source}}}"]}).render(
            scope
        )
    except ExpressionFailed:
        return
    assert rendered is not NOTHING


@FUZZ
@given(JSON)
def test_data_is_never_evaluated(data: Any) -> None:
    hostile = {"a": "${b}", "data": data, "t": "${x.y}"}

    assert Template("${input}").render({"input": hostile}) is hostile
    assert Template("${input.a}-${input.t}").render({"input": hostile}) == "${b}-${x.y}"
