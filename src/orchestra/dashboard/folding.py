"""A long drawing in rows, as text is: cut where few edges pass, and gone on with below. Pure."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from orchestra.dashboard.layout import COLUMN_GAP, ROW_GAP, Box, Drawing, Edge, Point

SLACK = 1.25
"""A row that is this much too long is left as it is."""
CUT_MAX = 3
"""So many edges may pass where a row ends; where more do it goes on."""
ASPECT = 1.3
GAP = 2 * ROW_GAP
MARGIN, LANE = 28.0, 6.0


class _Row(msgspec.Struct):
    """Columns `first` to before `end`, and how far they are moved."""

    first: int
    end: int
    top: float
    bottom: float
    dx: float = 0.0
    dy: float = 0.0


def folded(drawing: Drawing, boxes: Mapping[str, Box], room: float) -> Drawing:
    """The drawing in rows about as wide as `room`; of very many columns in wider ones."""
    room = max(room, math.sqrt(drawing.width * (drawing.height + GAP) * ASPECT))
    if drawing.width <= SLACK * room:
        return drawing
    sides = _columns(drawing, boxes)
    order = {x: i for i, x in enumerate(sorted({x for x, _ in drawing.centers.values()}))}
    rank = {name: order[x] for name, (x, _) in drawing.centers.items()}
    spans = [sorted((rank[a], rank[b])) for a, b in drawing.routes]
    rows = list(_rows(sides, _passing(spans, len(sides)), room))
    if len(rows) < 2:
        return drawing
    _stack(rows, sides, drawing, boxes, rank)
    row = {name: next(r for r in rows if r.first <= n < r.end) for name, n in rank.items()}
    centers = {n: (x + row[n].dx, y + row[n].dy) for n, (x, y) in drawing.centers.items()}
    routes: dict[Edge, tuple[Point, ...]] = {}
    turns: dict[int, int] = {}
    for (tail, head), points in drawing.routes.items():
        if row[tail] is row[head]:
            by = row[tail]
            routes[tail, head] = tuple((x + by.dx, y + by.dy) for x, y in points)
            continue
        turn = turns[row[head].first] = turns.get(row[head].first, -1) + 1
        right, left = sides[rank[tail]][1] + row[tail].dx, sides[rank[head]][0] + row[head].dx
        aside = MARGIN / 2 + LANE * (turn % 4)
        lane = row[head].top + row[head].dy - GAP / 2 + LANE * (turn % 4)
        start = (centers[tail][0] + boxes[tail].width / 2, centers[tail][1])
        end = (centers[head][0] - boxes[head].width / 2, centers[head][1])
        routes[tail, head] = (start, (right + aside, lane), (left - aside, lane), end)
    width = max(sides[r.end - 1][1] + r.dx for r in rows) + MARGIN
    last = rows[-1]
    return msgspec.structs.replace(
        drawing, centers=centers, routes=routes, width=width, height=last.bottom + last.dy,
        wraps=frozenset((a, b) for a, b in drawing.routes if row[a] is not row[b]),
    )  # fmt: skip


def _columns(drawing: Drawing, boxes: Mapping[str, Box]) -> list[tuple[float, float]]:
    """Left and right of each column: all boxes of one have the same middle."""
    halves: dict[float, float] = {}
    for name, (x, _) in drawing.centers.items():
        halves[x] = max(halves.get(x, 0.0), boxes[name].width / 2)
    return [(x - half, x + half) for x, half in sorted(halves.items())]


def _passing(spans: Sequence[Sequence[int]], columns: int) -> list[int]:
    """How many edges pass before each column."""
    steps = [0] * (columns + 1)
    for low, high in spans:
        steps[low + 1] += 1
        steps[high + 1] -= 1
    return list(itertools.accumulate(steps))


def _rows(
    sides: Sequence[tuple[float, float]], passing: Sequence[int], room: float
) -> Iterator[_Row]:
    """Rows of about the same length."""
    count = math.ceil((sides[-1][1] + COLUMN_GAP) / (room + COLUMN_GAP))
    goal, first = sides[-1][1] / count, 0
    while first < len(sides):
        end = first + 1
        while end < len(sides) and sides[end][1] - sides[first][0] <= room:
            if sides[end][0] - sides[first][0] >= goal:
                break
            end += 1
        if end < len(sides) and end - first > 2 and passing[end - 1] < passing[end]:
            end -= 1
        while end < len(sides) and passing[end] > CUT_MAX:
            end += 1
        yield _Row(first, end, 0.0, 0.0)
        first = end


def _stack(
    rows: Sequence[_Row], sides: Sequence[tuple[float, float]], drawing: Drawing,
    boxes: Mapping[str, Box], rank: Mapping[str, int],
) -> None:  # fmt: skip
    """Each row below the one before."""
    below = 0.0
    for row in rows:
        inside = [name for name, n in rank.items() if row.first <= n < row.end]
        ys = [drawing.centers[n][1] + s * boxes[n].height / 2 for n in inside for s in (-1, 1)]
        ys += [
            y
            for (tail, head), points in drawing.routes.items()
            if row.first <= rank[tail] < row.end and row.first <= rank[head] < row.end
            for _, y in points
        ]
        row.top, row.bottom = min(ys), max(ys)
        row.dx, row.dy = MARGIN - sides[row.first][0], below - row.top
        below += row.bottom - row.top + GAP
