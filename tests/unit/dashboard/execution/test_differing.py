"""Two values side by side."""

from orchestra.dashboard.execution.differing import SHOWN_MAX, Change, difference


def test_what_was_added_removed_and_changed_is_told_with_its_place() -> None:
    left = {"same": 1, "gone": "x", "deep": {"a/b": [1, 2]}, "kind": 1}
    right = {"same": 1, "deep": {"a/b": [1, 3, 4]}, "new": None, "kind": True}

    found = difference(left, right)

    assert found.changes == [
        Change("/gone", "removed", "x", ""),
        Change("/deep/a~1b/1", "changed", "2", "3"),
        Change("/deep/a~1b/2", "added", "", "4"),
        Change("/kind", "changed", "1", "true"),
        Change("/new", "added", "", "null"),
    ]
    assert not found.cut


def test_of_large_values_the_first_differences_are_shown() -> None:
    found = difference(list(range(100_000)), list(range(1, 100_001)))

    assert len(found.changes) == SHOWN_MAX
    assert found.cut
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    assert difference(deep, [deep]).changes[0].kind == "changed"


def test_equal_values_do_not_differ() -> None:
    assert difference({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}).changes == []
