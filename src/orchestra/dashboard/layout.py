"""Place the steps of a graph, left to right: layered (Sugiyama) layout in plain Python. Pure.

Break cycles, rank (a column each), order columns so that few edges cross, align rows.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from orchestra.dashboard.layers import BENDS_MAX, Box, Graph, Lists, back_edges, order

__all__ = ("BENDS_MAX", "Box", "Drawing", "Edge", "Point", "layout")

Edge = tuple[str, str]
Point = tuple[float, float]

COLUMN_GAP, ROW_GAP = 48.0, 28.0


class Drawing(msgspec.Struct, frozen=True):
    """Where everything is. `centers` are middles of boxes; `routes` go from box edge to box edge.

    Edges in `back` close a cycle; they run against the flow. The validator refuses them, not we.
    """

    centers: dict[str, Point]
    routes: dict[Edge, tuple[Point, ...]]
    back: frozenset[Edge]
    width: float
    height: float
    crossings: int
    wraps: frozenset[Edge] = frozenset()
    """Edges that go on in another row: right, down, back to the left, down, right."""


def layout(boxes: Mapping[str, Box], edges: Iterable[Edge]) -> Drawing:
    """Place `boxes` and route `edges` between them. 20 ms for 30 steps, so cache by version."""
    names = list(boxes)
    index = {name: i for i, name in enumerate(names)}
    wanted = dict.fromkeys((index[a], index[b]) for a, b in edges if a != b)
    back = back_edges(len(names), list(wanted))
    forward = list(dict.fromkeys((b, a) if (a, b) in back else (a, b) for a, b in wanted))
    graph = Graph([boxes[name] for name in names], forward)
    columns, crossings = order(graph)
    ys = _rows(graph, columns)
    sides, width = _columns(graph, columns)
    xs = [sum(sides[rank]) / 2 for rank in graph.rank]
    routes: dict[Edge, tuple[Point, ...]] = {}
    for (tail, head), chain in zip(forward, graph.chains, strict=True):
        points = _route(graph, chain, sides, ys)
        if (head, tail) in back:
            routes[names[head], names[tail]] = points[::-1]
        if (tail, head) in wanted and (tail, head) not in back:
            routes[names[tail], names[head]] = points
    height = max((y + box.height / 2 for y, box in zip(ys, graph.boxes, strict=True)), default=0.0)
    centers = {name: (xs[i], ys[i]) for i, name in enumerate(names)}
    backward = frozenset((names[a], names[b]) for a, b in back)
    return Drawing(centers, routes, backward, width, height, crossings)


def _rows(graph: Graph, columns: Lists) -> list[float]:
    """Y of every node: near the mean of its neighbours, never overlapping, order kept."""
    ys = [0.0] * len(graph.boxes)
    for column in columns:
        top = 0.0
        for node in column:
            ys[node] = top + graph.boxes[node].height / 2
            top += graph.boxes[node].height + ROW_GAP
    for _ in range(6):
        for column in columns[1:]:
            _align(graph, column, graph.previous, ys)
        for column in columns[-2::-1]:
            _align(graph, column, graph.next, ys)
    both = [a + b for a, b in zip(graph.previous, graph.next, strict=True)]
    for column in columns:
        _align(graph, column, both, ys)
    top = min((y - box.height / 2 for y, box in zip(ys, graph.boxes, strict=True)), default=0.0)
    return [y - top for y in ys]


def _align(graph: Graph, column: Sequence[int], links: Lists, ys: list[float]) -> None:
    """Isotonic regression (pool adjacent violators) of wanted rows, with minimum distances."""
    offset, blocks = 0.0, list[tuple[float, float, list[tuple[int, float]]]]()
    for i, node in enumerate(column):
        if i:
            above = graph.boxes[column[i - 1]]
            offset += (above.height + graph.boxes[node].height) / 2 + ROW_GAP
        near = links[node]
        want = sum(ys[n] for n in near) / len(near) if near else ys[node]
        weight = 4.0 if node >= graph.steps else 1.0  # Long edges stay straight.
        block = ((want - offset) * weight, weight, [(node, offset)])
        while blocks and blocks[-1][0] / blocks[-1][1] > block[0] / block[1]:
            total, heft, members = blocks.pop()
            block = (total + block[0], heft + block[1], members + block[2])
        blocks.append(block)
    for total, heft, members in blocks:
        for node, shift in members:
            ys[node] = total / heft + shift


def _columns(graph: Graph, columns: Lists) -> tuple[list[tuple[float, float]], float]:
    """Left and right of each column, and the width of all."""
    sides: list[tuple[float, float]] = []
    left = 0.0
    for column in columns:
        width = max((graph.boxes[node].width for node in column), default=0.0)
        sides.append((left, left + width))
        left += width + COLUMN_GAP
    return sides, max(0.0, left - COLUMN_GAP)


def _route(
    graph: Graph, chain: Sequence[int], sides: Sequence[tuple[float, float]], ys: Sequence[float]
) -> tuple[Point, ...]:
    """Level through columns, bent only in the gaps between them: there nothing stands."""
    points: list[Point] = []
    for n, node in enumerate(chain):
        left, right = sides[graph.rank[node]]
        middle, half = (left + right) / 2, graph.boxes[node].width / 2
        across = (middle + half, right) if n == 0 else (left, right)
        across = (left, middle - half) if n == len(chain) - 1 else across
        points += [(x, ys[node]) for x in dict.fromkeys(across)]
    return tuple(points)
