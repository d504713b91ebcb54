"""The dependencies of a scope: declared ones, and those that expressions imply."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from orchestra.workflows.expressions import Reference
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.kinds import is_list
from orchestra.workflows.language.parts import Place, objects, places, programs, scopes


class Edges(msgspec.Struct, frozen=True):
    """`joins` count in `run_when`; `waits` only order: they can do without the value."""

    joins: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Everything that must be done first."""
        return (*self.joins, *self.waits)


def is_graph(steps: Sequence[dict[str, Json]]) -> bool:
    """True when a step of the scope says `depends_on`, be it empty."""
    return any("depends_on" in step for step in steps)


def edges(
    steps: Sequence[dict[str, Json]],
    references: Callable[[dict[str, Json]], Iterable[Reference]],
) -> dict[str, Edges]:
    """Of each step of a graph. `references`: those of a step, its inner steps included."""
    ids = {step["id"] for step in steps}
    return {step["id"]: _of(step, ids, list(references(step))) for step in steps}


def _of(step: dict[str, Json], ids: set[str], references: Sequence[Reference]) -> Edges:
    declared = step.get("depends_on")
    joins = [name for name in declared if name in ids] if is_list(declared) else []
    waits: list[str] = []
    paths = [(r.path, r.strict) for r in references if r.path[0] == "steps" and len(r.path) > 1]
    asked = {path[1] for path, _ in paths if path[2:3] == ("status",)}
    for path, strict in paths:
        name = path[1]
        if name in ids and name != step["id"]:
            needed = strict and path[2:3] != ("status",) and name not in asked
            (joins if needed else waits).append(name)
    counted = tuple(dict.fromkeys(joins))
    # What counts in the join need not be waited for twice.
    return Edges(counted, tuple(n for n in dict.fromkeys(waits) if n not in counted))


def step_references(step: dict[str, Json]) -> Iterator[Reference]:
    """What a step and the steps inside it read; compensations apart: they run later."""
    for place in places(step, ""):
        if place.kind != "undo":
            for program in programs(place):
                yield from program.references()
    for inner in scopes(step, ""):
        for below in objects(inner.steps):
            yield from step_references(below)
        if inner.output is not msgspec.UNSET:
            for program in programs(Place("inner", "", inner.output)):
                yield from program.references()


def ancestors(plan: Mapping[str, Edges], name: str) -> set[str]:
    """All that `name` depends on, directly or not."""
    found, pending = set[str](), [name]
    while pending:
        new = set(plan[pending.pop()].all) - found
        found |= new
        pending.extend(new)
    return found
