"""Draw a workflow as SVG: steps, edges, and the scopes inside steps (branches, cases, bodies).

A step is a link, its state is colour, icon and word; that part has no geometry, so that it can be
sent alone while an execution runs. Every text is escaped, nothing has a style.
"""

import functools
import html
import math
import urllib.parse
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from markupsafe import Markup

from orchestra.dashboard import layout
from orchestra.dashboard.folding import folded
from orchestra.dashboard.wording import icon, tone, words

PAD: Final = 12.0
TITLE_HEIGHT: Final = 24.0
LABEL_MAX: Final = 17
ROOM: Final = 900.0
"""Longer ones go on in another row."""
FITS: Final = 1_500
"""Up to this width a drawing may be made smaller to be seen as a whole."""
DRAWN_MAX: Final = 1_000
WHOLE_MAX: Final = 200
"""With more steps than this, those inside others are only counted."""
EDGES_MAX: Final = 2_000
"""So many of the edges are drawn: a definition may hold 100,000 of them."""
_Edge = Mapping[str, Any]
MARK: Final = "\0"
"""No path and no text holds one: they are refused where they come in."""


class Step(msgspec.Struct, frozen=True):
    """A step to draw. `path` is its place in the definition: `prepare/stock/reserve`."""

    path: str
    label: str
    kind: str = ""
    scopes: "tuple[Scope, ...]" = ()
    inside: int = 0
    """Steps in it that are not drawn."""


class Scope(msgspec.Struct, frozen=True):
    """Steps and the edges between them; in `inferred` are edges nobody wrote, only implied."""

    label: str
    steps: tuple[Step, ...]
    edges: tuple[layout.Edge, ...]
    inferred: frozenset[layout.Edge] = frozenset()


class Picture:
    """A drawing that was made once, and is shown with any states. Made in 20 ms for 30 steps."""

    def __init__(self, scope: Scope) -> None:
        box, body = _scope(scope)
        # No larger than it was drawn: two steps are not blown up to the width of the page.
        self._parts = (
            f'<svg class="dag{" fits" if box.width <= FITS else ""}"'
            f' data-wide="{math.ceil(box.width / 100)}"'
            f' viewBox="-8 -8 {box.width + 16:.0f} {box.height + 16:.0f}"'
            f' width="{box.width + 16:.0f}" height="{box.height + 16:.0f}"'
            f' role="group" aria-label="{html.escape(scope.label)}, {_count(scope)} steps">'
            f"{body}</svg>"
        ).split(MARK)

    def shown(
        self, states: Mapping[str, str] | None = None, chosen: str = "",
        rest: str | None = "waiting", critical: Collection[str] = (),
    ) -> Markup:  # fmt: skip
        """With the state of each step, by path; without any, what kind it is.

        `rest`: the state of those that were not reached; None: they show what kind they are.
        `critical`: paths to be marked.
        """
        found: list[str] = []
        for i, part in enumerate(self._parts):
            if i % 2 == 0:
                found.append(part)
            elif part[0] == "c":
                found.append(' aria-current="true"' if part[1:] == chosen else "")
                found.append(' data-critical="yes"' if part[1:] in critical else "")
            else:
                path_, _, kind = part[1:].partition("|")
                below = f'<text class="sub" x="12" y="40">{html.escape(kind)}</text>'
                now = rest if states is None else states.get(path_, rest)
                found.append(below if states is None or now is None else state(path_, now))
        return Markup("".join(found))  # noqa: S704  # texts are escaped


def _count(scope: Scope) -> int:
    return sum(
        1 + step.inside + sum(_count(inner) for inner in step.scopes) for step in scope.steps
    )


def _scope(scope: Scope) -> tuple[layout.Box, str]:
    """Size and markup of a scope with its top left corner at 0, 0."""
    insides = {step.path: [_scope(inner) for inner in step.scopes] for step in scope.steps}
    boxes = {step.path: _box([box for box, _ in insides[step.path]]) for step in scope.steps}
    drawing = folded(layout.layout(boxes, scope.edges), boxes, ROOM)
    parts: list[str] = []
    lines: dict[str, list[str]] = {}
    for edge, points in drawing.routes.items():
        kind = "e back" if edge in drawing.back else "e inferred" if edge in scope.inferred else "e"
        line = turned(points) if edge in drawing.wraps else path(points)
        lines.setdefault(kind, []).append(line)
    apart = len(drawing.routes) <= WHOLE_MAX  # of many each would cost its own element
    for kind, found in lines.items():
        drawn = found if apart else ["".join(found)]
        parts += [f'<path class="{kind}" d="{line}"/>' for line in drawn]
    for step in scope.steps:
        box, (x, y) = boxes[step.path], drawing.centers[step.path]
        corner = (x - box.width / 2, y - box.height / 2)
        parts.append(_link(step, box, corner))
        parts.append(_inside(step, insides[step.path], corner))
    return layout.Box(drawing.width, drawing.height), "".join(parts)


def _box(inner: Sequence[layout.Box]) -> layout.Box:
    """Size of a step: a card, or a frame around the scopes stacked in it."""
    if not inner:
        return layout.Box()
    width = max(layout.Box().width, *(box.width for box in inner)) + 2 * PAD
    return layout.Box(width, 52 + sum(box.height + TITLE_HEIGHT + PAD for box in inner))


def _inside(step: Step, inner: Sequence[tuple[layout.Box, str]], corner: layout.Point) -> str:
    parts: list[str] = []
    y = corner[1] + 52
    for scope, (box, body) in zip(step.scopes, inner, strict=True):
        title = f'<text class="scope" y="14">{html.escape(scope.label)}</text>'
        parts.append(f'<g transform="translate({corner[0] + PAD:.0f} {y:.0f})">{title}')
        parts.append(f'<g transform="translate(0 {TITLE_HEIGHT:.0f})">{body}</g></g>')
        y += box.height + TITLE_HEIGHT + PAD
    return "".join(parts)


def _link(step: Step, box: layout.Box, corner: layout.Point) -> str:
    """One step: a link, so the keyboard reaches it. Its frame takes the colour of `state()`."""
    label, title = step.label, ""
    if len(label) > LABEL_MAX:
        title = f"<title>{html.escape(label)}</title>"
        label = f"{label[: LABEL_MAX - 1]}…"
    href = html.escape(f"?step={urllib.parse.quote(step.path)}#step")
    return (
        f'<a class="n" href="{href}"{MARK}c{step.path}{MARK}'
        f' transform="translate({corner[0]:.0f} {corner[1]:.0f})">'
        f'{title}<rect width="{box.width:.0f}" height="{box.height:.0f}" rx="10"/>'
        f'<text x="12" y="22">{html.escape(label)}</text>{MARK}s{step.path}|{step.kind}{MARK}</a>'
    )


def state(path_: str, state_: str) -> str:
    """What changes while an execution runs; without geometry, so it is sent without a layout.

    Found by `[data-path="…"]`: a path has `/` and `[3]`, which an id selector cannot hold.
    """
    return (
        f'<g data-path="{html.escape(path_)}" data-state="{html.escape(state_)}"'
        f' data-tone="{tone(state_)}">'
        f'<use href="#i-{icon(state_)}" x="12" y="30" width="12" height="12"/>'
        f'<text class="sub" x="30" y="40">{html.escape(words(state_))}</text></g>'
    )


def path(points: Sequence[layout.Point]) -> str:
    """The `d` of an SVG path: one smooth line through `points`, in steps, which are short."""
    (x0, y0), *rest = [(round(x), round(y)) for x, y in points]
    parts = [f"M{x0} {y0}"]
    for x1, y1 in rest:
        across, down = x1 - x0, y1 - y0
        half = across // 2
        parts.append(f"c{half} 0 {half} {down} {across} {down}" if down else f"h{across}")
        x0, y0 = x1, y1
    return "".join(parts)


def turned(points: Sequence[layout.Point], r: int = 10) -> str:
    """The `d` of an edge that goes on in another row: with round corners, so that it is seen."""
    (x0, y0), (right, lane), (left, _), (x1, y1) = [(round(x), round(y)) for x, y in points]
    return (
        f"M{x0} {y0}H{right - r}q{r} 0 {r} {r}V{lane - r}q0 {r} {-r} {r}"
        f"H{left + r}q{-r} 0 {-r} {r}V{y1 - r}q0 {r} {r} {r}H{x1}"
    )


def scope_of(label: str, graph: Mapping[str, Any]) -> Scope:
    """The drawing of what the validator says of a definition: `graph` with nodes and edges."""
    nodes: list[dict[str, Any]] = list(graph.get("nodes", ()))[:DRAWN_MAX]
    edges = _nearest(graph.get("edges", ()), nodes)
    inside: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for node in nodes:
        place = str(node["pointer"]).rpartition("/")[0]
        inside.setdefault(node["parent"] or "", {}).setdefault(place, []).append(node)

    within = _within(nodes) if len(nodes) > WHOLE_MAX else {}

    def one(node: Mapping[str, Any]) -> Step:
        path_, kind, hidden = str(node["id"]), str(node["type"]), within.get(node["id"], 0)
        shown = {} if within else inside.get(path_, {})
        scopes = tuple(made(_title(place), inner) for place, inner in shown.items())
        kind = f"{kind}, {hidden} inside" if hidden else kind
        return Step(path_, path_.rpartition("/")[2], kind, scopes, hidden)

    def made(label: str, members: Sequence[Mapping[str, Any]]) -> Scope:
        written, implied = _edges(edges, {str(node["id"]) for node in members})
        steps = tuple(one(node) for node in members)
        return Scope(label, steps, (*written, *implied), frozenset(implied))

    return made(label, [node for part in inside.get("", {}).values() for node in part])


def _within(nodes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many steps are in each step, however deep."""
    parents = {str(node["id"]): node["parent"] for node in nodes}
    found: dict[str, int] = {}
    for node in nodes:
        around = node["parent"]
        while around:
            found[around] = found.get(around, 0) + 1
            around = parents.get(around)
    return found


def _nearest(edges: Sequence[_Edge], nodes: Sequence[Mapping[str, Any]]) -> Sequence[_Edge]:
    """All of them; of too many those between the steps that stand nearest to each other."""
    if len(edges) <= EDGES_MAX:
        return edges
    at = {str(node["id"]): i for i, node in enumerate(nodes)}
    known = [edge for edge in edges if edge["from"] in at and edge["to"] in at]
    return sorted(known, key=lambda edge: abs(at[edge["from"]] - at[edge["to"]]))[:EDGES_MAX]


def _edges(edges: Sequence[_Edge], mine: set[str]) -> tuple[list[layout.Edge], list[layout.Edge]]:
    """Those of one scope: the written ones, and the implied ones that say anything new."""
    written: list[layout.Edge] = []
    implied: list[layout.Edge] = []
    for edge in edges:
        if edge["from"] in mine and edge["to"] in mine:
            to = implied if edge["kind"] == "inferred" else written
            to.append((edge["from"], edge["to"]))
    after: dict[str, list[str]] = {}
    for tail, head in written:
        after.setdefault(tail, []).append(head)

    @functools.cache
    def reached(tail: str) -> set[str]:
        seen, left = set[str](), [tail]
        while left:
            fresh = [other for other in after.get(left.pop(), ()) if other not in seen]
            seen.update(fresh)
            left += fresh
        return seen

    return written, [(tail, head) for tail, head in implied if head not in reached(tail)]


def _title(pointer: str) -> str:
    """What a scope inside a step is called: `case 1`, `default`, `branch 2`, `body`."""
    parts = pointer.split("/")
    if parts[-1] == "steps" and len(parts) > 2 and parts[-2].isdigit():
        role = {"cases": "case", "branches": "branch"}.get(parts[-3], parts[-3])
        return f"{role} {int(parts[-2]) + 1}"
    return parts[-1] if parts[-1] != "steps" else "body"
