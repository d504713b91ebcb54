import pytest

from orchestra.workflows.language.validation import Finding, check, check_text


def only(source: bytes) -> Finding:
    (finding,) = check_text(source).findings
    return finding


def test_broken_json_has_its_place() -> None:
    finding = only(b'{"name": "w",\n "steps": [nul]}')

    assert finding.code == "json.syntax"
    assert finding.range is not None
    assert finding.range.line == 2


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"[",
        b"\xff",
        b"NaN",
        b'{"a":\x00}',
        b'{"a":"\\ud800"}',
        b'{"a\\m": 1}',
        b'{"a\\u12": 1}',
    ],
)
def test_what_is_not_json_is_one_finding(source: bytes) -> None:
    assert only(source).code == "json.syntax"


def test_a_key_given_twice_is_named_where_it_is_repeated() -> None:
    finding = only(b'{"name": "w",\n "steps": [{"a:": 1, "a:": 2}]}')

    assert (finding.code, finding.pointer) == ("json.duplicate_key", "/steps/0/a:")
    assert finding.range is not None
    assert (finding.range.line, finding.range.column, finding.range.end_column) == (2, 22, 26)


@pytest.mark.parametrize("depth", [70, 5_000, 200_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert only(b"[" * depth + b"]" * depth).code == "json.too_deep"


def test_more_than_a_mebibyte_is_refused() -> None:
    assert only(b'"' + b"x" * 1_048_576 + b'"').code == "limit.bytes"


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, {"a": {2}}, (1,), "\ud800", b"x", "a\0b"])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    assert check({"name": "w", "steps": [{"a": value}]}).findings[0].code == "json.syntax"


def test_a_list_that_contains_itself_ends() -> None:
    endless: list[object] = []
    endless.append(endless)

    assert check(endless).findings[0].code == "json.too_deep"


def test_columns_count_as_editors_do() -> None:
    finding = only('{"name": "😀", "steps": 5}'.encode())

    assert finding.range is not None
    assert (finding.range.column, finding.range.end_column) == (25, 26)
