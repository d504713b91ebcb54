"""A value as a tree: bounded, whatever it holds."""

import base64
from typing import Any

import pytest

from orchestra.dashboard.execution.values import CHILDREN, Branch, at, binary, tree


def test_a_long_text_that_is_nearly_base64_is_judged_at_once() -> None:
    assert binary("A" * 200 + "\n" * 500_000 + "!") is None  # quadratic: half an hour
    assert binary("A" * 200 + "\n" * 100 + "==\n") is not None


def nodes(branch: Branch) -> int:
    return 1 + sum(nodes(one) for one in branch.children)


@pytest.mark.parametrize(
    "value",
    [
        list(range(100_000)),
        {str(i): {"a": list(range(100))} for i in range(1_000)},
        [[[[[[[1]]]]]]] * 500,
        "x" * 1_000_000,
    ],
    ids=["long", "wide", "deep", "text"],
)
def test_a_tree_is_never_more_than_a_page_holds(value: Any) -> None:
    made = tree(value)

    assert nodes(made) <= 800
    assert len(made.children) <= CHILDREN
    assert len(made.text) <= 16 * 1024


def test_what_is_left_out_can_be_opened_where_it_stands() -> None:
    value = {"a/b": {"c~d": {"e": {"f": [1, {"g": 2}]}}}, "rows": list(range(450))}
    seen: list[Branch] = []

    def look(one: Branch) -> None:
        seen.append(one)
        for child in one.children:
            look(child)

    look(tree(value))
    shut = next(one for one in seen if one.shut and one.kind == "object")

    assert at(value, shut.pointer) == {"f": [1, {"g": 2}]}
    assert tree(at(value, shut.pointer), shut.pointer).children[0].key == "f"
    more = tree(value["rows"], "/rows", CHILDREN)
    assert (more.children[0].text, more.more) == ("200", 400)
    assert tree(value["rows"], "/rows", 400).more is None


@pytest.mark.parametrize("pointer", ["/a/x", "/rows/9", "/rows/x", "/rows/-1", "/none"])
def test_a_pointer_to_nothing_finds_nothing(pointer: str) -> None:
    with pytest.raises(LookupError):
        at({"a": 1, "rows": [1]}, pointer)


def test_binary_is_shown_as_type_and_size() -> None:
    png = base64.b64encode(b"\x89PNG\r\n" + bytes(range(256)) * 4).decode()

    assert binary(png) == "base64, image/png, 1,030 bytes"
    assert binary(f"data:audio/ogg;base64,{png}") == "base64, audio/ogg, 1,030 bytes"
    assert binary(base64.urlsafe_b64encode(bytes(range(256)) * 2).decode()) is not None
    assert binary("a" * 500) is None
    assert binary("0123456789abcdef" * 30) is None
    assert binary("a sentence of words. " * 30) is None
