"""JSON to open, and what differs: bounded, whatever it is."""

from typing import Any

from orchestra.dashboard.trees import (
    CHILDREN_MAX,
    DEPTH_MAX,
    NODES_MAX,
    TEXT_MAX,
    Node,
    difference,
    tree,
)


def nodes(node: Node) -> int:
    return 1 + sum(nodes(child) for child in node.children)


def depth(node: Node) -> int:
    return 1 + max((depth(child) for child in node.children), default=0)


def test_a_value_is_told_by_kind() -> None:
    made = tree({"a": 1, "b": [True, None, "x"], "c": {}})

    assert made.kind == "object"
    assert made.text == "3 keys"
    assert [(one.key, one.kind, one.text) for one in made.children] == [
        ("a", "number", "1"), ("b", "list", "3 items"), ("c", "object", "0 keys"),
    ]  # fmt: skip
    assert [one.text for one in made.children[1].children] == ["true", "null", "x"]


def test_a_tree_is_bounded() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]

    assert depth(tree(deep)) <= DEPTH_MAX + 1
    assert tree(list(range(10_000))).left_out == 10_000 - CHILDREN_MAX
    assert nodes(tree([[list(range(300))] * 300] * 300)) <= NODES_MAX + CHILDREN_MAX
    assert len(tree("x" * 10_000).text) < TEXT_MAX + 40


def test_a_difference_shows_what_changed_and_a_little_around() -> None:
    old = {f"key{i}": i for i in range(100)}
    lines = difference(old, old | {"key50": "new"})

    assert [one.text.strip() for one in lines if one.kind == "old"] == ['"key50": 50,']
    assert [one.text.strip() for one in lines if one.kind == "new"] == ['"key50": "new",']
    assert [one.kind for one in lines] == ["gap", *["same"] * 3, "old", "new", *["same"] * 3, "gap"]
    assert (lines[4].old, lines[5].new) == (52, 52)


def test_what_is_equal_has_no_difference_and_what_is_long_is_cut() -> None:
    assert {one.kind for one in difference({"a": 1}, {"a": 1})} <= {"same", "gap"}
    assert len(difference("a\n" * 50_000, "b\n" * 50_000)) <= 3_002
