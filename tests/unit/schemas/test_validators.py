"""Values against schemas: what is wrong is told, and what would take too long is refused."""

from typing import Any

from orchestra.schemas.validators import WORK_MAX, Validator


def branches(count: int) -> dict[str, Any]:
    """A list, each of whose items is one of so many."""
    kinds = [{"properties": {"a": {"const": n}}} for n in range(count)]
    return {"properties": {"x": {"items": {"anyOf": kinds}}}}


def test_all_that_is_wrong_is_told_with_its_place() -> None:
    found = Validator(branches(30)).errors({"x": [{"a": 1}, {"a": 30}, {"a": 31}]}, "/data")

    assert [(one.pointer, one.code) for one in found] == [
        ("/data/x/1", "anyOf"),
        ("/data/x/2", "anyOf"),
    ]


def test_of_a_large_value_only_is_told_that_it_is_wrong() -> None:
    validator = Validator(branches(1_000))
    wrong, right = {"x": [{"a": -1}] * 1_000}, {"x": [{"a": 9}] * 1_000}

    assert [(one.pointer, one.code) for one in validator.errors(wrong, "/data")] == [
        ("/data", "schema")
    ]
    assert validator.errors(right) == ()
    assert validator.fits(right)


def test_what_is_too_much_work_is_not_begun() -> None:
    value = {"x": [{"a": 9}] * (WORK_MAX // 1_000)}

    found = Validator(branches(1_000)).errors(value, "/data")

    assert [(one.pointer, one.code) for one in found] == [("/data", "too_complex")]
    assert not Validator(branches(1_000)).fits(value)
    assert Validator(branches(10)).fits(value)
