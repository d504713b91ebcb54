"""Long drawings go on in another row, as text does."""

import itertools

from orchestra.dashboard.folding import CUT_MAX, folded
from orchestra.dashboard.graph import Picture as Drawn
from orchestra.dashboard.graph import Scope, Step, turned
from orchestra.dashboard.layout import Box, Edge, layout

ROOM = 900.0


def a_chain(steps: int) -> tuple[dict[str, Box], list[Edge]]:
    names = [f"s{i}" for i in range(steps)]
    return dict.fromkeys(names, Box()), list(itertools.pairwise(names))


def test_a_long_chain_is_read_row_by_row() -> None:
    boxes, edges = a_chain(12)

    drawing = folded(layout(boxes, edges), boxes, ROOM)

    rows = [list(row) for _, row in itertools.groupby(drawing.centers.values(), lambda at: at[1])]
    assert [len(row) for row in rows] == [4, 4, 4]
    assert all(row == sorted(row) for row in rows)
    assert [row[0][1] for row in rows] == sorted(row[0][1] for row in rows)
    assert drawing.wraps == {("s3", "s4"), ("s7", "s8")}
    assert set(drawing.routes) == set(edges)


def test_nothing_overlaps_and_everything_stands_inside() -> None:
    boxes, edges = a_chain(40)
    edges += [("s3", "s5"), ("s10", "s30")]
    boxes["s7"] = Box(420.0, 300.0)

    drawing = folded(layout(boxes, edges), boxes, ROOM)

    placed = [(*drawing.centers[name], *boxes[name]) for name in boxes]
    for (x0, y0, w0, h0), (x1, y1, w1, h1) in itertools.combinations(placed, 2):
        assert abs(x0 - x1) >= (w0 + w1) / 2 or abs(y0 - y1) >= (h0 + h1) / 2
    for points in drawing.routes.values():
        assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in points)


def test_what_is_short_or_held_together_by_many_edges_stays_in_one_row() -> None:
    short = a_chain(5)
    assert folded(layout(*short), short[0], ROOM) == layout(*short)

    many = CUT_MAX + 1
    boxes = {f"{i}{n}": Box() for i in range(9) for n in range(many)}
    edges = [(f"{i}{n}", f"{i + 1}{n}") for i in range(8) for n in range(many)]
    assert folded(layout(boxes, edges), boxes, ROOM) == layout(boxes, edges)


def test_an_edge_into_another_row_is_drawn_round_the_corner() -> None:
    steps = tuple(Step(f"s{i}", f"s{i}") for i in range(8))
    edges = tuple(itertools.pairwise(step.path for step in steps))

    shown = Drawn(Scope("all", steps, edges)).shown()

    assert shown.count('class="e"') == 7
    assert shown.count("q10 0 10 10V") == 1
    assert turned([(0, 0), (40, 60), (-20, 60), (0, 120)]) == (
        "M0 0H30q10 0 10 10V50q0 10 -10 10H-10q-10 0 -10 10V110q0 10 10 10H0"
    )
