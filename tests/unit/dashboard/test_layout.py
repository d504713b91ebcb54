"""Where steps and edges of a graph stand."""

import itertools
import random

import pytest

from orchestra.dashboard import layout


def a_graph(steps: int, seed: int = 1) -> tuple[dict[str, layout.Box], list[layout.Edge]]:
    chance = random.Random(seed)
    names = [f"s{i}" for i in range(steps)]
    edges = {
        (names[chance.randint(max(0, i - 8), i - 1)], names[i])
        for i in range(1, steps)
        for _ in range(chance.randint(1, 2))
    }
    return dict.fromkeys(names, layout.Box()), sorted(edges)


def test_edges_run_left_to_right_between_the_edges_of_the_boxes() -> None:
    boxes, edges = a_graph(60)

    drawing = layout.layout(boxes, edges)

    assert set(drawing.routes) == set(edges)
    for (tail, head), points in drawing.routes.items():
        assert points[0][0] == drawing.centers[tail][0] + 84
        assert points[-1][0] == drawing.centers[head][0] - 84
        assert all(a[0] < b[0] for a, b in itertools.pairwise(points))


def test_no_two_steps_overlap() -> None:
    boxes, edges = a_graph(120)

    centers = layout.layout(boxes, edges).centers.values()

    for (x0, y0), (x1, y1) in itertools.combinations(centers, 2):
        assert abs(x0 - x1) >= 168 or abs(y0 - y1) >= 52


@pytest.mark.parametrize("seed", range(4))
def test_no_edge_crosses_a_step(seed: int) -> None:
    chance = random.Random(seed)
    plain, edges = a_graph(90, seed)
    boxes = {
        name: layout.Box(chance.choice((168, 420)), chance.choice((52, 300))) for name in plain
    }
    edges += [("s0", "s80"), ("s3", "s60"), ("s10", "s89")]

    drawing = layout.layout(boxes, edges)

    for edge, points in drawing.routes.items():
        others = [(drawing.centers[n], boxes[n]) for n in boxes if n not in edge]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            low, high = min(y0, y1), max(y0, y1)
            for (x, y), box in others:
                beside = x + box.width / 2 <= x0 or x - box.width / 2 >= x1
                assert beside or y + box.height / 2 < low or y - box.height / 2 > high, edge


def test_the_same_graph_is_drawn_the_same_way() -> None:
    assert layout.layout(*a_graph(80)) == layout.layout(*a_graph(80))


def test_a_cycle_is_drawn_with_one_edge_back() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "d")]

    drawing = layout.layout(dict.fromkeys("abcd", layout.Box()), edges)

    assert len(drawing.back) == 1
    assert set(drawing.routes) == {*edges} - {("d", "d")}


def test_planar_graphs_have_no_crossings() -> None:
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")]

    assert layout.layout(dict.fromkeys("abcd", layout.Box()), edges).crossings == 0


def test_nothing_and_one_step_can_be_drawn() -> None:
    assert layout.layout({}, []).width == 0
    assert layout.layout({"a": layout.Box()}, []).height == 52


def test_a_thousand_steps_can_be_drawn() -> None:
    assert len(layout.layout(*a_graph(1_000)).centers) == 1_000
