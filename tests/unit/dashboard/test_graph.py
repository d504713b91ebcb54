"""Workflows as pictures."""

import random
from typing import Any

from orchestra.dashboard import layout
from orchestra.dashboard.graph import EDGES_MAX, Picture, scope_of


def node(path: str, pointer: str, parent: str | None = None, kind: str = "agent") -> dict[str, Any]:
    return {"id": path, "type": kind, "name": "", "parent": parent, "pointer": pointer}


GRAPH: dict[str, Any] = {
    "nodes": [
        node("check", "/steps/0"),
        node("route", "/steps/1", kind="switch"),
        node("route/yes", "/steps/1/cases/0/steps/0", "route"),
        node("route/no", "/steps/1/default/0", "route"),
        node("last", "/steps/2"),
    ],
    "edges": [
        {"from": "check", "to": "route", "kind": "declared"},
        {"from": "route", "to": "last", "kind": "declared"},
        {"from": "check", "to": "last", "kind": "inferred"},
    ],
}


def test_scopes_are_drawn_inside_their_step_under_their_names() -> None:
    scope = scope_of("order", GRAPH)

    route = scope.steps[1]
    assert [inner.label for inner in route.scopes] == ["case 1", "default"]
    assert [step.path for inner in route.scopes for step in inner.steps] == [
        "route/yes",
        "route/no",
    ]
    assert 'aria-label="order, 5 steps"' in Picture(scope).shown()


def test_an_implied_edge_is_drawn_only_where_it_says_something_new() -> None:
    assert not scope_of("order", GRAPH).inferred

    alone = {**GRAPH, "edges": [GRAPH["edges"][2]]}
    assert scope_of("order", alone).inferred == {("check", "last")}


def test_each_step_has_its_state_in_colour_icon_and_word() -> None:
    picture = Picture(scope_of("order", GRAPH))

    shown = picture.shown({"check": "completed", "route/yes": "rolled_back"}, chosen="check")

    assert 'data-path="check" data-state="completed" data-tone="green"' in shown
    assert '<use href="#i-back"' in shown
    assert "rolled back</text>" in shown
    assert shown.count("aria-current") == 1
    assert shown.count('data-state="waiting"') == 3
    assert "switch</text>" in picture.shown()


def test_hostile_names_stay_text() -> None:
    evil = "<script>\"'"
    graph = {"nodes": [node(evil, "/steps/0", kind=evil)], "edges": []}

    picture = Picture(scope_of(evil, graph))

    for shown in (picture.shown(), picture.shown({evil: evil}), picture.shown({}, evil, evil)):
        assert "<script>" not in shown
        assert "style=" not in shown


def test_far_too_many_edges_are_drawn_in_part_and_led_straight() -> None:
    nodes = [
        {"id": f"s{i}", "pointer": f"/steps/{i}", "parent": None, "type": "set"} for i in range(400)
    ]
    for kind in ("declared", "inferred"):
        edges = [
            {"from": f"s{j}", "to": f"s{i}", "kind": kind} for i in range(400) for j in range(i)
        ]
        shown = Picture(scope_of("all", {"nodes": nodes, "edges": edges})).shown()

        assert 1 <= shown.count('class="e') <= 2
        assert 399 <= shown.count("M") <= EDGES_MAX
        assert shown.count('class="n"') == 400
        assert len(shown) < 2_000_000


def test_long_edges_bend_only_so_often() -> None:
    boxes = {f"s{i}": layout.Box() for i in range(100)}
    edges = [(f"s{j}", f"s{i}") for i in range(100) for j in range(i)]
    drawing = layout.layout(boxes, edges)

    assert len(drawing.routes) == len(edges)
    assert sum(len(points) - 2 for points in drawing.routes.values()) <= 2 * layout.BENDS_MAX


def test_of_many_steps_those_inside_others_are_counted() -> None:
    nodes = [node("route", "/steps/0", kind="switch")]
    nodes += [node(f"route/s{i}", f"/steps/0/default/{i}", "route") for i in range(250)]
    nodes += [node(f"s{i}", f"/steps/{i + 1}") for i in range(9)]

    picture = Picture(scope_of("w", {"nodes": nodes, "edges": []}))

    assert picture.shown().count('class="n"') == 10
    assert "switch, 250 inside" in picture.shown()
    assert 'aria-label="w, 260 steps"' in picture.shown()


def test_a_long_name_is_cut_and_its_title_is_whole() -> None:
    shown = Picture(scope_of("w", {"nodes": [node("n" * 64, "/steps/0")], "edges": []})).shown()

    assert f"<title>{'n' * 64}</title>" in shown
    assert f">{'n' * 16}…</text>" in shown


def test_a_thousand_steps_fit_on_a_page() -> None:
    nodes = [node(f"step_{i}", f"/steps/{i}") for i in range(1_000)]
    chance = random.Random(1)
    edges = [
        {"from": f"step_{chance.randint(max(0, i - 8), i - 1)}", "to": f"step_{i}", "kind": "order"}
        for i in range(1, 1_000)
        for _ in range(2)
    ]

    shown = Picture(scope_of("w", {"nodes": nodes, "edges": edges})).shown({})

    assert shown.count('class="n"') == 1_000
    assert len(shown) < 400_000
