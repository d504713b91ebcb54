"""GR: pictures of definitions with 30, 200 and 1,000 steps, as the dashboard draws them."""

import random
import statistics
import time
from pathlib import Path
from typing import Any, Final

from orchestra.dashboard.builder import places_of
from orchestra.dashboard.graph import Picture, scope_of

NAME: Final = "GR"
SIZES: Final = (30, 200, 1_000)
TIMES: Final = 7


def measure(mode: str, _: str, __: Path, *, quick: bool) -> dict[str, Any]:
    """CPU time of layout and drawing, of showing it with states, and how large it is."""
    found: dict[str, Any] = {"scenario": NAME, "durability": mode}
    for steps in SIZES:
        graph = a_graph(steps)
        times = 2 if quick else TIMES
        drawn = [_took(lambda graph=graph: Picture(scope_of("w", graph))) for _ in range(times)]
        picture = Picture(scope_of("w", graph))
        shown = [_took(lambda picture=picture: picture.shown({})) for _ in range(times)]
        placed = [_took(lambda graph=graph: dict(places_of(scope_of("w", graph)))) for _ in drawn]
        found |= {
            f"drawn_{steps}_ms": round(statistics.median(drawn), 1),
            f"shown_{steps}_ms": round(statistics.median(shown), 2),
            f"placed_{steps}_ms": round(statistics.median(placed), 1),
            f"markup_{steps}_kb": round(len(picture.shown({})) / 1_000),
        }
    return found


def _took(work: Any) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1_000


def a_graph(steps: int) -> dict[str, Any]:
    """Each step depends on one or two of the eight before it."""
    chance = random.Random(steps)
    names = [f"step_{i}" for i in range(steps)]
    edges = {
        (names[chance.randint(max(0, i - 8), i - 1)], names[i])
        for i in range(1, steps)
        for _ in range(chance.randint(1, 2))
    }
    return {
        "nodes": [
            {"id": name, "type": "agent", "name": "", "parent": None, "pointer": f"/steps/{i}"}
            for i, name in enumerate(names)
        ],
        "edges": [{"from": a, "to": b, "kind": "declared"} for a, b in sorted(edges)],
    }
