"""Two definitions side by side."""

from typing import Any

from orchestra.dashboard.workflows.comparing import changes, merged

Document = dict[str, Any]


def a_definition(*steps: Document, **fields: Any) -> Document:
    return {"name": "w", "steps": list(steps), **fields}


A: Document = {"id": "a", "agent_type": "x"}
B: Document = {"id": "b", "agent_type": "y"}
C: Document = {"id": "c", "agent_type": "z"}


def told(old: Document, new: Document) -> list[tuple[str, str]]:
    return [(one.kind, one.path) for one in changes(old, new)]


def test_changes_are_told_by_the_path_of_the_step() -> None:
    inner = {"id": "s", "type": "switch", "cases": [{"when": "true", "steps": [A]}], "default": [B]}
    other = {"id": "s", "type": "switch", "cases": [{"when": "true", "steps": [A | {"if": "x"}]}]}

    assert told(a_definition(A, B), a_definition(A, B)) == []
    assert told(a_definition(A), a_definition(A, B)) == [("added", "step b")]
    assert told(a_definition(A, B), a_definition(B)) == [("removed", "step a")]
    assert told(a_definition(A, B), a_definition(B, A)) == [
        ("moved", "step b"),
        ("moved", "step a"),
    ]
    assert told(a_definition(A), a_definition(A, timeout="1h")) == [("added", "timeout")]
    assert told(a_definition(inner), a_definition(other)) == [
        ("changed", "step s/cases-1/a"),
        ("removed", "step s/default/b"),
    ]
    assert changes(a_definition(A), a_definition(A | {"if": "x"}))[0].fields == ("if",)


def test_what_others_changed_too_is_marked() -> None:
    base = a_definition(A, B)
    theirs = changes(base, a_definition(A | {"if": "x"}, B))

    mine = changes(base, a_definition(A | {"if": "y"}, B | {"if": "z"}), theirs)

    assert [(one.path, one.both) for one in mine] == [("step a", True), ("step b", False)]


def test_two_changes_to_different_things_are_both_made() -> None:
    base = a_definition(A, B, timeout="1h")

    both = merged(
        base,
        a_definition(A | {"if": "x"}, B, timeout="1h"),
        a_definition(A, B | {"if": "y"}, C, timeout="2h"),
    )

    assert both == a_definition(A | {"if": "x"}, B | {"if": "y"}, C, timeout="2h")
    assert merged(base, base, a_definition(C)) == a_definition(C)
    assert merged(base, a_definition(B, timeout="1h"), base | {"priority": 3}) == (
        a_definition(B, timeout="1h", priority=3)
    )


def test_what_contradicts_is_for_somebody_to_decide() -> None:
    base = a_definition(A)

    assert merged(base, a_definition(A | {"if": "x"}), a_definition(A | {"if": "y"})) is None
    assert merged(base, a_definition(), a_definition(A | {"if": "y"})) is None
    assert merged({"steps": [1]}, {"steps": [2]}, {"steps": [3]}) is None
