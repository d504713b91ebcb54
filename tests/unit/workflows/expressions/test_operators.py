"""Every operator: on what it works, what it gives, and how it fails."""

import math
from typing import Any

import pytest

from orchestra.workflows.expressions import ExpressionFailed, Mismatch, Missing, Program

SCOPE = {"n": 7, "f": 2.5, "s": "text", "yes": True, "l": [3, 1, 2], "m": {"a": 1, "b": None}}
VALUES: list[tuple[str, Any]] = [
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("10 - 2 - 3", 5),
    ("-7 / 2", -3),
    ("7 / -2", -3),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("7 / 2.0", 3.5),
    ("1.0 / 0", math.inf),
    ("-1 / 0.0", -math.inf),
    ("1 + 0.5", 1.5),
    ("'a' + 'b'", "ab"),
    ("[1] + [2, 3]", [1, 2, 3]),
    ("--3", 3),
    ("-f", -2.5),
    ("!yes", False),
    ("!!yes", True),
    ("-9223372036854775808", -(2**63)),
    ("0x1F", 31),
    (".5 + 1e2", 100.5),
    ("1 == 1.0", True),
    ("1 == true", False),
    ("1 != '1'", True),
    ("null == null", True),
    ("null == 0", False),
    ("[1, 2.0] == [1.0, 2]", True),
    ("[1, 2] == [1]", False),
    ("{'a': [1]} == {'a': [1.0]}", True),
    ("{'a': 1} == {'b': 1}", False),
    ("{'a': 1} == {'a': 1, 'b': 2}", False),
    ("9007199254740993 == 9007199254740992.0", False),
    ("9007199254740993 > 9007199254740992.0", True),
    ("1 < 2.5", True),
    ("2 <= 2", True),
    ("'b' > 'a'", True),
    ("'a' >= 'b'", False),
    ("false < true", True),
    ("2 in l", True),
    ("2.0 in l", True),
    ("'2' in l", False),
    ("'a' in m", True),
    ("'c' in m", False),
    ("yes ? 1 : 2", 1),
    ("false ? 1 : true ? 2 : 3", 2),
    ("yes && n > 6 || false", True),
    ("true || false && false", True),
    ("1 + 1 == 2 && !(2 in [3])", True),
    ("n // a comment\n + 1", 8),
]


@pytest.mark.parametrize(("source", "expected"), VALUES)
def test_an_operation_has_its_value(source: str, expected: Any) -> None:
    value = Program(source)(SCOPE)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "source",
    [
        "1 + 's'",
        "'a' + 1",
        "[1] + 1",
        "null + 1",
        "true + true",
        "'a' - 'b'",
        "-'a'",
        "!1",
        "!null",
        "1 < 'a'",
        "[1] < [2]",
        "null < 1",
        "1 in 2",
        "'a' in 'abc'",
        "1.5 % 2",
        "n ? 1 : 2",
        "1 && true",
        "'a' || false",
        "null && true",
        "true * 2",
    ],
)
def test_an_operation_on_the_wrong_kind_is_a_mismatch(source: str) -> None:
    with pytest.raises(Mismatch) as caught:
        Program(source)(SCOPE)

    assert caught.value.code == "expression.type"


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0",
        "1 % 0",
        "9223372036854775807 + 1",
        "-9223372036854775808 - 1",
        "9223372036854775807 * 2",
        "-9223372036854775808 / -1",
        "-(-9223372036854775808)",
    ],
)
def test_a_result_that_does_not_exist_fails(source: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        Program(source)(SCOPE)

    assert caught.value.code == "expression.failed"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true || 1 / 0 > 0", True),
        ("1 / 0 > 0 || true", True),
        ("false && nobody.knows", False),
        ("nobody.knows && false", False),
        ("'a' || true", True),
        ("false && 'a'", False),
        ("(1 / 0 > 0 || nobody) || true", True),
    ],
)
def test_logic_absorbs_the_failure_of_a_side_that_does_not_matter(
    source: str, expected: bool
) -> None:
    assert Program(source).test(SCOPE) is expected


@pytest.mark.parametrize("source", ["nobody || false", "true && nobody", "nobody && nobody"])
def test_logic_keeps_the_failure_of_a_side_that_matters(source: str) -> None:
    with pytest.raises(Missing, match="unknown name 'nobody'"):
        Program(source).test(SCOPE)


def test_a_choice_evaluates_only_the_branch_it_takes() -> None:
    assert Program("true ? 1 : nobody")(SCOPE) == 1
    assert Program("false ? nobody : 2")(SCOPE) == 2
