"""What stands in a field, and what it says."""

import pytest

from orchestra.dashboard.kinds import Kind, labels, many_of, number, read, written


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "a ", "a "), ("flag", "yes", True), ("flag", "", False), ("number", "8", 8),
        ("number", "0.1234567", 0.1234567), ("numbers", "0, 5000", [0, 5000]),
        ("lines", "a\nb", ["a", "b"]), ("some", "a b\nc", ["a b", "c"]),
        ("words", "a, b", ["a", "b"]), ("pairs", "a: b\nc: d", {"a": "b", "c": "d"}),
        ("labels", "a=b\nc=d\nc=e", {"a": "b", "c": ["d", "e"]}), ("names", "a\nb", ["a", "b"]),
        ("json", '{\n  "a": 1\n}', {"a": 1}),
    ],
)  # fmt: skip
def test_what_is_written_is_read_as_it_was(kind: Kind, text: str, value: object) -> None:
    assert read(kind, text) == value
    assert written(kind, value) == text


@pytest.mark.parametrize("kind", ["text", "number", "lines", "pairs", "labels", "json", "moment"])
def test_nothing_is_nothing(kind: Kind) -> None:
    assert read(kind, " \n") is None
    assert written(kind, None) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5", 5), ("0.05", 0.05), (".5", 0.5), ("5 %", 0.05), ("1_000", 1_000), ("1e3", 1_000),
        ("9007199254740993", 9_007_199_254_740_993), ("nan", "nan"), ("inf", "inf"),
        ("many", "many"), ("true", "true"), ("", ""),
    ],
)  # fmt: skip
def test_what_is_no_number_stays_as_it_was_typed(text: str, found: object) -> None:
    assert number(text) == found


@pytest.mark.parametrize(("kind", "text"), [("json", "{"), ("names", "[1"), ("pairs", "a")])
def test_what_cannot_be_read_is_told(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|colon"):
        read(kind, text)


def test_names_with_more_to_say_are_json() -> None:
    assert written("names", [{"name": "a", "input_types": ["any"]}, "b"]) == "a\nb"
    assert written("names", [{"name": "a", "input_schema": {}}]).startswith("[")


def test_a_label_that_is_there_very_often_is_read_once() -> None:
    found = labels("a=1\n" * 200_000)  # each time copied: minutes
    assert list(found) == ["a"]
    assert len(many_of(found["a"])) == 200_000


def test_a_line_without_a_sign_is_a_label_without_a_value() -> None:
    assert labels("a\nb:c=d") == {"a": "", "b": "c=d"}
