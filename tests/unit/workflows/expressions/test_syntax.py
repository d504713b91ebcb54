"""What is no expression, where that is, and what was probably meant."""

from typing import Any

import pytest

from orchestra.workflows.expressions import (
    BadPattern,
    Malformed,
    Program,
    TooLarge,
    UnknownFunction,
)

MALFORMED = [
    ("", 0, "unexpected end"),
    ("1 +", 3, "unexpected end"),
    ("1 2", 2, "unexpected '2'"),
    ("a &", 2, "unexpected character '&'"),
    ("a = b", 2, "unexpected character '='"),
    ("(1", 2, "expected ')', found 'the end'"),
    ("[1, 2", 5, "expected ','"),
    ("{'a' 1}", 5, "expected ':'"),
    ("a ? b", 5, "expected ':'"),
    ("a.", 2, "expected a field name"),
    ("a.1", 1, "unexpected '.1'"),
    ("x == 'abc", 5, "the string that ' begins is not closed"),
    ('"a\nb"', 0, "is not closed"),
    (r"'ab\q'", 3, r"unknown escape \q"),
    (r"'\ud800'", 1, "not a Unicode character"),
    (r"'\U00110000'", 1, "not a Unicode character"),
    ("b'abc'", 0, "bytes are not part"),
    ("1u", 0, "unsigned numbers"),
    ("x + 99999999999999999999", 4, "does not fit 64 bits"),
    ("9" * 5_000, 0, "does not fit 64 bits"),
    ("0x" + "f" * 17, 0, "does not fit 64 bits"),
    ("-!x", 1, "write '!' and '-' apart"),
    ("while", 0, "reserved word"),
    ("in", 0, "reserved word"),
    ("has(x)", 0, "has() takes a field"),
    ("Point{x: 1}", 5, "messages are not part"),
    ("a.b(", 4, "unexpected end"),
    ("f(1,)", 4, "unexpected ')'"),
    ("size()", 0, "size() takes 1 to 1 values"),
    ("x.trim(1)", 2, "trim() takes 1 to 1 values, target included"),
    ("٣", 0, "unexpected character"),
    ("a;b", 1, "unexpected character ';'"),
    ("'a' 'b'", 4, "unexpected"),
]


@pytest.mark.parametrize(("source", "position", "message"), MALFORMED)
def test_malformed_source_says_where(source: str, position: int, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        Program(source)

    assert message in str(caught.value)
    assert caught.value.position == position
    assert caught.value.length >= 1


def test_positions_count_from_the_offset() -> None:
    with pytest.raises(Malformed) as caught:
        Program("1 + *", offset=10)

    assert caught.value.position == 14
    assert [r.position for r in Program("a + b.c", offset=10).references()] == [10, 14]


@pytest.mark.parametrize(
    ("source", "suggestion", "message"),
    [
        ("input.text.startWith('a')", "startsWith", "did you mean 'startsWith'?"),
        ("sise(x)", "size", "did you mean 'size'?"),
        ("l.fliter(i, true)", "filter", "did you mean 'filter'?"),
        ("math.sgn(2.0)", "math.sign", "unknown function 'math.sgn', did you mean"),
        ("json.parse(x)", None, "unknown function 'json.parse', there is json.decode, json.encode"),
        ("contains(a, b)", None, "is a method: write value.contains(…)"),
        ("x.string()", None, "is no method: write string(…)"),
        ("qqqqqqqqqqqq()", None, "unknown function 'qqqqqqqqqqqq'"),
        ("__import__('os')", None, "unknown function '__import__'"),
    ],
)
def test_an_unknown_function_is_found_when_compiled(
    source: str, suggestion: str | None, message: str
) -> None:
    with pytest.raises(UnknownFunction) as caught:
        Program(source)

    assert message in str(caught.value)
    assert caught.value.suggestion == suggestion
    assert caught.value.code == "expression.unknown_function"


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=a)", r"\\1", "a" * 257])
def test_a_bad_constant_pattern_is_found_when_compiled(pattern: str) -> None:
    with pytest.raises(BadPattern) as caught:
        Program(f"x.matches('{pattern}')")

    assert caught.value.code == "expression.pattern"
    assert caught.value.position == 2


@pytest.mark.parametrize(
    "source",
    [
        "1" + " " * 8_192,
        "[" * 51 + "]" * 51,
        "(" * 51 + "1" + ")" * 51,
        "+".join(["1"] * 151),
        "x" + ".a" * 150,
        "[" + ",".join(["1"] * 2_000) + "]",
        "true ? 1 : " * 60 + "2",
    ],
)
def test_an_expression_beyond_a_limit_is_too_large(source: str) -> None:
    with pytest.raises(TooLarge) as caught:
        Program(source)

    assert caught.value.code == "expression.too_large"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1" + " " * 8_191, 1),
        ("(" * 49 + "1" + ")" * 49, 1),
        ("+".join(["1"] * 150), 150),
        ("size([" + ",".join(["1"] * 1_998) + "])", 1_998),
    ],
)
def test_an_expression_at_a_limit_is_accepted(source: str, expected: int) -> None:
    assert Program(source)({}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"'a\n\t\\\'\"\x41\u00e9\U0001F600\101'", "a\n\t\\'\"Aé😀A"),
        (r"r'a\n'", r"a\n"),
        ("'''a'b\n''c'''", "a'b\n''c"),
        ('"""a"b"""', 'a"b'),
        ("''", ""),
        ("[1, 2,]", [1, 2]),
        ("{'a': 1,}", {"a": 1}),
        ("{1: 'a', true: 'b'}.size() == 2 || true", True),
        ("1e3", 1000.0),
        ("007", 7),
        ("a.in", None),
    ],
)
def test_literals_are_read(source: str, expected: Any) -> None:
    scope = {"a": {"in": None}}

    assert Program(source)(scope) == expected
