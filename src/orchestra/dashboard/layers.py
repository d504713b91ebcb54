"""Steps in layers: which column each stands in, and in which order. Pure."""

import bisect
import itertools
import random
from collections.abc import Sequence
from typing import NamedTuple

Lists = list[list[int]]

BEND_HEIGHT = 8.0
SWEEPS, TRANSPOSE_NODES_MAX, BENDS_MAX = 8, 3_000, 2_000
STARTS_BY_SIZE = ((150, 12), (600, 6), (3_000, 3))


class Box(NamedTuple):
    """Width and height of one step, in SVG units."""

    width: float = 168.0
    height: float = 52.0


class Graph:
    """Steps as 0..n-1, then one extra node for each column that a long edge passes through."""

    def __init__(self, boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> None:
        self.boxes = list(boxes)
        self.steps = len(boxes)
        self.rank = _ranks(len(boxes), edges)
        self.next: Lists = [[] for _ in boxes]
        self.previous: Lists = [[] for _ in boxes]
        self.chains = [self._chain(tail, head) for tail, head in edges]

    def _chain(self, tail: int, head: int) -> list[int]:
        chain = [tail]
        between = range(self.rank[tail] + 1, self.rank[head])
        if len(self.boxes) - self.steps + len(between) > BENDS_MAX:
            return [tail, head]  # straight, behind whatever stands there
        for rank in between:
            chain.append(len(self.boxes))
            self.boxes.append(Box(0.0, BEND_HEIGHT))
            self.rank.append(rank)
            self.next.append([])
            self.previous.append([])
        chain.append(head)
        for left, right in itertools.pairwise(chain):
            self.next[left].append(right)
            self.previous[right].append(left)
        return chain


def back_edges(count: int, edges: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Edges to turn round so that no cycle is left: Kahn, and when stuck the least blocked step."""
    following, blockers = _following(count, edges)
    ready = [node for node in range(count) if not blockers[node]]
    placed = [False] * count
    position = [0] * count
    for turn in range(count):
        if not ready:
            ready = [min((n for n in range(count) if not placed[n]), key=blockers.__getitem__)]
        node = ready.pop()
        placed[node], position[node] = True, turn
        for head in following[node]:
            blockers[head] -= 1
            if not blockers[head] and not placed[head]:
                ready.append(head)
    return {(tail, head) for tail, head in edges if position[tail] > position[head]}


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Column of each step: right of its last predecessor; a source stands next to what it feeds."""
    following, blockers = _following(count, edges)
    rank = [0] * count
    sources = [node for node in range(count) if not blockers[node]]
    queue = list(sources)
    for node in queue:
        for head in following[node]:
            rank[head] = max(rank[head], rank[node] + 1)
            blockers[head] -= 1
            if not blockers[head]:
                queue.append(head)
    assert len(queue) == count, "cycles are broken before ranking"
    for node in sources:
        if following[node]:
            rank[node] = max(rank[node], min(rank[head] for head in following[node]) - 1)
    return rank


def _following(count: int, edges: Sequence[tuple[int, int]]) -> tuple[Lists, list[int]]:
    """Successors of each step, and how many predecessors it waits for."""
    following: Lists = [[] for _ in range(count)]
    blockers = [0] * count
    for tail, head in edges:
        following[tail].append(head)
        blockers[head] += 1
    return following, blockers


def order(graph: Graph) -> tuple[Lists, int]:
    """The order within each column with the fewest crossings of several tries."""
    size = len(graph.boxes)
    starts = next((count for limit, count in STARTS_BY_SIZE if size < limit), 1)
    best = _start(graph, 0)
    fewest = _crossings(graph, best)
    for attempt in range(starts):
        columns = _start(graph, attempt)
        for sweep in range(SWEEPS):
            _sweep(graph, columns, sweep)
            if size < TRANSPOSE_NODES_MAX:
                _transpose(graph, columns)
            crossings = _crossings(graph, columns)
            if crossings < fewest:
                best, fewest = [column[:] for column in columns], crossings
            if not fewest:
                return best, 0
    return best, fewest


def _start(graph: Graph, attempt: int) -> Lists:
    """A first order: depth first, the other way round, breadth first, then shuffled (seeded)."""
    columns: Lists = [[] for _ in range(max(graph.rank, default=-1) + 1)]
    queue = [node for node in range(graph.steps) if not graph.previous[node]]
    if attempt == 0:
        queue.reverse()
    seen: set[int] = set()
    while queue:
        node = queue.pop(0 if attempt == 2 else -1)
        if node not in seen:
            seen.add(node)
            columns[graph.rank[node]].append(node)
            queue.extend(graph.next[node] if attempt == 1 else reversed(graph.next[node]))
    if attempt > 2:
        chance = random.Random(attempt)
        for column in columns:
            chance.shuffle(column)
    return columns


def _sweep(graph: Graph, columns: Lists, sweep: int) -> None:
    """Sort each column by the median position of its neighbours in the column just done."""
    rightward = sweep % 2 == 0
    neighbours = graph.previous if rightward else graph.next
    steps = range(1, len(columns)) if rightward else range(len(columns) - 2, -1, -1)
    for at in steps:
        place = {node: i for i, node in enumerate(columns[at - 1 if rightward else at + 1])}
        column = columns[at] if sweep % 4 < 2 else columns[at][::-1]
        median = {node: _median(sorted(place[n] for n in neighbours[node])) for node in column}
        moved = sorted((n for n in column if median[n] >= 0), key=median.__getitem__)
        for i, node in enumerate(columns[at]):
            if median[node] < 0:
                moved.insert(min(i, len(moved)), node)
        columns[at] = moved


def _median(places: Sequence[int]) -> float:
    """Weighted median (Gansner et al. 1993, section 3.2); -1 when there are no neighbours."""
    if not places:
        return -1.0
    middle = len(places) // 2
    if len(places) % 2:
        return float(places[middle])
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if left + right == 0:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def _transpose(graph: Graph, columns: Lists) -> None:
    """Swap neighbours while that lowers the number of crossings with the columns either side."""
    for _ in range(4):
        improved = False
        for at, column in enumerate(columns):
            sides: list[dict[int, list[int]]] = []
            for other, links in ((at - 1, graph.previous), (at + 1, graph.next)):
                if 0 <= other < len(columns):
                    place = {node: i for i, node in enumerate(columns[other])}
                    sides.append({n: [place[x] for x in links[n]] for n in column})
            for i in range(len(column) - 1):
                upper, lower = column[i], column[i + 1]
                if sum(_gain(side[upper], side[lower]) for side in sides) > 0:
                    column[i], column[i + 1] = lower, upper
                    improved = True
        if not improved:
            return


def _gain(upper: Sequence[int], lower: Sequence[int]) -> int:
    """Crossings saved by swapping two neighbours whose links end at these places."""
    return sum((a > b) - (a < b) for a in upper for b in lower)


def _crossings(graph: Graph, columns: Lists) -> int:
    """Edges that cross: going down the left column, ends already seen below each new end."""
    total = 0
    for left, right in itertools.pairwise(columns):
        place = {node: i for i, node in enumerate(right)}
        seen: list[int] = []
        for node in left:
            for end in sorted(place[n] for n in graph.next[node]):
                at = bisect.bisect_right(seen, end)
                total += len(seen) - at
                seen.insert(at, end)
    return total
