"""Every function and method of the profile: values, and arguments it refuses."""

import math
from typing import Any

import pytest

from orchestra.workflows.expressions import FUNCTIONS, MACROS, ExpressionFailed, Program

TABLE: dict[str, list[tuple[str, Any]]] = {
    "size": [("size('héé')", 3), ("size([1, 2])", 2), ("size({'a': 1})", 1)],
    ".size": [("'abc'.size()", 3), ("[].size()", 0)],
    "string": [
        ("string(1)", "1"),
        ("string(2.0)", "2"),
        ("string(2.5)", "2.5"),
        ("string(true)", "true"),
        ("string(1e20)", "1e+20"),
        ("string('a')", "a"),
    ],
    "int": [("int(2.9)", 2), ("int(-2.9)", -2), ("int('-12')", -12), ("int(3)", 3)],
    "double": [("double(1)", 1.0), ("double('1e3')", 1000.0), ("double('-inf')", -math.inf)],
    "bool": [("bool('true')", True), ("bool('0')", False), ("bool(true)", True)],
    "type": [
        ("type(1) == int", True),
        ("type(1.0) == double", True),
        ("type([]) == list", True),
        ("type({}) == map", True),
        ("type(null) == null_type", True),
        ("type(int) == type", True),
        ("type(true) == bool", True),
        ("type('') == string", True),
    ],
    "dyn": [("dyn([1])", [1])],
    ".contains": [("'abc'.contains('b')", True), ("'abc'.contains('d')", False)],
    ".startsWith": [("'abc'.startsWith('ab')", True), ("'abc'.startsWith('b')", False)],
    ".endsWith": [("'abc'.endsWith('bc')", True), ("'abc'.endsWith('b')", False)],
    ".lowerAscii": [("'ABÇxZ'.lowerAscii()", "abÇxz")],
    ".upperAscii": [("'abçXz'.upperAscii()", "ABçXZ")],
    ".trim": [(r"' \t a b \n'.trim()", "a b")],
    ".substring": [("'abcdef'.substring(2)", "cdef"), ("'abcdef'.substring(2, 4)", "cd")],
    ".charAt": [("'abc'.charAt(1)", "b"), ("'abc'.charAt(3)", "")],
    ".indexOf": [
        ("'abcabc'.indexOf('c')", 2),
        ("'abcabc'.indexOf('c', 3)", 5),
        ("'abc'.indexOf('z')", -1),
    ],
    ".lastIndexOf": [("'abcabc'.lastIndexOf('c')", 5), ("'abcabc'.lastIndexOf('c', 4)", 2)],
    ".replace": [
        ("'aXbX'.replace('X', '-')", "a-b-"),
        ("'aXbX'.replace('X', '-', 1)", "a-bX"),
        ("'ab'.replace('', '.')", ".a.b."),
        ("'aa'.replace('a', 'b', 0)", "aa"),
    ],
    ".split": [
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("'abc'.split('', 2)", ["a", "bc"]),
        ("''.split(',')", [""]),
        ("''.split('')", []),
        ("'a'.split(',', 0)", []),
    ],
    ".join": [("['a', 'b'].join('-')", "a-b"), ("['a', 'b'].join()", "ab"), ("[].join()", "")],
    ".reverse": [("'abc'.reverse()", "cba"), ("[1, 2].reverse()", [2, 1])],
    "matches": [("matches('abc', '^a.c$')", True), ("matches('abc', 'x')", False)],
    ".matches": [("'order 12'.matches('[0-9]+')", True), ("'x'.matches('' + 'x')", True)],
    ".format": [
        ("'%s is %d of %.2f %%'.format(['a', 3, 2.5])", "a is 3 of 2.50 %"),
        ("'%s %s'.format([[1, 'a', null], {'k': true}])", "[1, a, null] {k: true}"),
        ("'%x %X %o %b'.format([255, 255, 8, 5])", "ff FF 10 101"),
        ("'%x'.format(['az'])", "617a"),
        ("'%e'.format([1234.5])", "1.234500e+03"),
        ("'%s %f'.format([1.0 / 0, -1.0 / 0])", "Infinity -Infinity"),
        ("'%s'.format([type(1)])", "int"),
    ],
    "min": [("min(3, 1.5, 2)", 1.5), ("min([3, 1])", 1), ("min('b', 'a')", "a")],
    "max": [("max(3, 1.5, 2)", 3), ("max([3, 1])", 3), ("max(['b', 'a'])", "b")],
    ".min": [("[3, 1].min()", 1)],
    ".max": [("['a', 'c'].max()", "c")],
    ".sum": [("[1, 2, 3].sum()", 6), ("[].sum()", 0), ("[0.5, 1].sum()", 1.5)],
    "math.least": [("math.least(3, 1)", 1), ("math.least([2])", 2)],
    "math.greatest": [("math.greatest(3, 1, 2.5)", 3)],
    "math.abs": [("math.abs(-3)", 3), ("math.abs(-2.5)", 2.5)],
    "math.sign": [("math.sign(-3)", -1), ("math.sign(2.5)", 1.0), ("math.sign(0)", 0)],
    "math.ceil": [("math.ceil(1.2)", 2.0), ("math.ceil(1.0 / 0)", math.inf)],
    "math.floor": [("math.floor(-1.2)", -2.0)],
    "math.trunc": [("math.trunc(-1.8)", -1.0)],
    "math.round": [
        ("math.round(2.5)", 3.0),
        ("math.round(-2.5)", -3.0),
        ("math.round(2.4)", 2.0),
        ("math.round(0.49999999999999994)", 0.0),
    ],
    "math.isNaN": [("math.isNaN(0.0 / 0)", True), ("math.isNaN(1.0)", False)],
    "math.isInf": [("math.isInf(1.0 / 0)", True)],
    "math.isFinite": [("math.isFinite(1.0)", True), ("math.isFinite(1.0 / 0)", False)],
    "lists.range": [("lists.range(3)", [0, 1, 2]), ("lists.range(0)", [])],
    ".flatten": [("[1, [2, [3]], []].flatten()", [1, 2, [3]])],
    ".distinct": [("[1, 1.0, 'a', 'a', [1], [1]].distinct()", [1, "a", [1]])],
    ".sort": [("[3, 1.5, 2].sort()", [1.5, 2, 3]), ("['b', 'a'].sort()", ["a", "b"])],
    ".slice": [("[1, 2, 3].slice(1, 3)", [2, 3]), ("[1].slice(1, 1)", [])],
    ".first": [("[1, 2].first().value()", 1), ("[].first().hasValue()", False)],
    ".last": [("[1, 2].last().value()", 2), ("[].last().hasValue()", False)],
    ".keys": [("{'a': 1, 'b': 2}.keys()", ["a", "b"])],
    ".values": [("{'a': 1, 'b': 2}.values()", [1, 2])],
    "json.encode": [("json.encode({'ä': [1, 2.5, null]})", '{"ä":[1,2.5,null]}')],
    "json.decode": [("json.decode('{\"a\": [1, null]}')", {"a": [1, None]})],
    "optional.of": [("optional.of(1).value()", 1)],
    "optional.none": [("optional.none().hasValue()", False)],
    "optional.ofNonZeroValue": [("optional.ofNonZeroValue([]).hasValue()", False)],
    ".orValue": [("optional.of(1).orValue(2)", 1)],
    ".or": [("optional.none().or(optional.of(2)).value()", 2)],
    ".hasValue": [("optional.of(null).hasValue()", True)],
    ".value": [("optional.of('x').value()", "x")],
}


def test_the_table_has_every_function() -> None:
    assert set(TABLE) == set(FUNCTIONS)


@pytest.mark.parametrize(("source", "expected"), [row for rows in TABLE.values() for row in rows])
def test_a_function_has_its_value(source: str, expected: Any) -> None:
    value = Program(source)({})

    assert value == expected
    assert type(value) is type(expected)


REFUSED = {
    "expression.type": [
        "size(1)", "string([])", "string(null)", "int('x')", "int(true)", "int(1e300)",
        "int('1_0')", "double('x')", "double('1_0')", "double(null)", "bool('yes')", "bool(1)",
        "'a'.contains(1)", "1.startsWith('a')", "'a'.endsWith(1)", "1.trim()", "[].lowerAscii()",
        "'a'.substring('0')", "'a'.charAt(0.5)", "'a'.indexOf(1)", "'a'.replace(1, 'b')",
        "'a'.split(1)", "[1].join()", "'a'.join()", "1.reverse()", "1.matches('a')",
        "'a'.matches('' + string(1) == '1')", "'%d'.format(['a'])", "'%d'.format([1.5])",
        "'%q'.format([1])", "'%s'.format(1)", "min(1, 'a')", "min(true)", "max([null])",
        "['a'].sum()", "{}.sum()", "math.least('a')", "math.abs('a')", "math.sign(null)",
        "math.ceil(1)", "math.isNaN(1)", "lists.range(1.5)", "'a'.flatten()", "1.distinct()",
        "[1, 'a'].sort()", "[[1]].sort()", "'abc'.slice(0, 1)", "1.first()", "{}.last()",
        "[].keys()", "[].values()", "json.decode(1)", "json.encode(optional.none())",
        "json.encode(0.0 / 0)", "json.encode({1: 2})", "1.orValue(2)", "optional.none().or(1)",
        "1.hasValue()", "1.value()", "type(1) + 'a'",
    ],
    "expression.missing": [
        "'a'.substring(2)", "'abc'.substring(2, 1)", "'a'.charAt(2)", "'a'.charAt(-1)",
        "'a'.indexOf('a', 5)", "'a'.lastIndexOf('a', -1)", "'%s'.format([])", "min([])",
        "[].max()", "[1].slice(0, 2)", "[1].slice(-1, 1)", "optional.none().value()",
    ],
    "expression.failed": [
        "int('9999999999999999999')", "math.abs(-9223372036854775808)", "json.decode('{')",
        "json.decode('NaN')", "json.decode('99999999999999999999')",
        "[9223372036854775807, 1].sum()",
    ],
    "expression.pattern": ["'a'.matches('(' + '')"],
    "expression.limit": ["lists.range(50001)", "lists.range(9223372036854775807)"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "source"), [(code, source) for code, rows in REFUSED.items() for source in rows]
)
def test_a_function_refuses_what_it_does_not_take(code: str, source: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        Program(source)({})

    assert caught.value.code == code


def test_a_lone_surrogate_of_the_data_breaks_no_function() -> None:
    scope = {"s": "a\ud800B"}

    assert Program("s.lowerAscii()")(scope) == "a\ud800b"
    assert Program("s.matches('B')")(scope) is True
    assert Program("'%x'.format([s])")(scope) == "61eda08042"


def test_a_number_of_the_data_beyond_64_bits_fails_and_never_escapes() -> None:
    scope = {"n": 10**5000}

    for source in ("n + 1.5", "n * 2", "double(n)", "string(n)", "'%d'.format([n])", "n / 2.5"):
        with pytest.raises(ExpressionFailed, match="64 bits"):
            Program(source)(scope)


def test_no_name_is_a_function_and_a_macro() -> None:
    assert not {name.lstrip(".") for name in FUNCTIONS} & set(MACROS)
