"""What the canvas of the editor asks for: where steps stand, agents to choose from, other ids.

The canvas is a second view of the text in the page; nothing here is a definition of its own.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.folding import folded
from orchestra.dashboard.forms import form, json_of
from orchestra.dashboard.graph import Scope, scope_of
from orchestra.dashboard.layout import Box, Edge, layout
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import BadRequest, OrchestraError
from orchestra.security import Permission, requires

CARD: Final = Box(216.0, 64.0)
GRID: Final = 8
ROOM: Final = 800.0
"""Three cards: what the canvas shows in full between palette and fields."""
_READ: Final = [requires(Permission.WORKFLOWS_READ)]
_WRITE: Final = [requires(Permission.WORKFLOWS_WRITE)]

Document = dict[str, Any]


@get("/ui/editor/canvas", guards=_READ)
async def begun(request: Asking, site: There) -> Answer:
    """Once a page: where people put the steps of `workflow`, and which agents there are."""
    asker, workflow = viewer(request), request.query_params.get("workflow", "")
    kept: Document = {"positions": {}}
    if workflow:
        kept = await site.api.get(asker, f"/api/workflows/{workflow}/layout")
    types = await _types(site, asker)
    return _json({"positions": kept["positions"], "agents": types})


async def _types(site: Site, asker: Viewer) -> dict[str, list[str]]:
    """The tasks of each agent type; none for those who may not see agents."""
    try:
        found = await site.api.get(asker, "/api/agents/types")
    except OrchestraError:
        return {}
    return {
        str(one["agent_type"]): [str(capability["name"]) for capability in one["capabilities"]]
        for one in found["items"]
    }


@post("/ui/editor/canvas", guards=_READ, status_code=200)
async def placed(request: Asking, site: There) -> Answer:
    """Where each step of a text stands when nobody moved it, and what is implied."""
    text = (await form(request)).get("definition", "")
    try:
        checked = await site.api.send(
            viewer(request), "POST", "/api/workflows/validate", text.encode() or b" "
        )
    except (Refused, BadRequest) as refused:
        return _json({"places": {}, "inferred": [], "problem": refused.detail})
    scope = scope_of("", checked["graph"])
    places = await site.drawings.apart(lambda: dict(places_of(scope)))
    return _json({"places": places, "inferred": list(implied(scope))})


def places_of(scope: Scope) -> Iterator[tuple[str, tuple[int, int]]]:
    """Path, left and top of each step, scope by scope."""
    boxes = {step.path: CARD for step in scope.steps}
    drawing = folded(layout(boxes, scope.edges), boxes, ROOM)
    for path, (x, y) in drawing.centers.items():
        yield path, (_snapped(x - CARD.width / 2), _snapped(y - CARD.height / 2))
    for step in scope.steps:
        for inner in step.scopes:
            yield from places_of(inner)


def implied(scope: Scope) -> Iterator[Edge]:
    """Edges that nobody wrote and that say something new, in all scopes."""
    yield from sorted(scope.inferred)
    for step in scope.steps:
        for inner in step.scopes:
            yield from implied(inner)


def _snapped(value: float) -> int:
    return round(value / GRID) * GRID


@post("/ui/editor/layout", guards=_WRITE, status_code=200)
async def keep(request: Asking, site: There) -> Answer:
    """Keep where the steps of a workflow were put; without any, forget that."""
    given = await form(request)
    asker, at = viewer(request), f"/api/workflows/{given.get('workflow', '')}/layout"
    try:
        positions = json_of(given.get("positions") or "{}")
        if positions:
            await site.api.send(asker, "PUT", at, {"positions": positions})
        else:
            await site.api.send(asker, "DELETE", at)
    except BadRequest:
        return _json({"problem": "the positions cannot be read"})
    except Refused as refused:
        return _json({"problem": refused.detail})
    return _json({})


async def placed_anew(site: Site, asker: Viewer, workflow: str, positions: str) -> None:
    """Where the steps of a workflow were put before it was saved; it is there without that, too."""
    with contextlib.suppress(BadRequest, Refused):
        if positions:
            body = {"positions": json_of(positions)}
            await site.api.send(asker, "PUT", f"/api/workflows/{workflow}/layout", body)


@post("/ui/editor/rename", guards=_READ, status_code=200)
async def rename(request: Asking, site: There) -> Answer:
    """The text with a step called otherwise."""
    given = await form(request)
    asked = {name: given.get(name, "") for name in ("definition", "step", "to")}
    try:
        made = await site.api.send(viewer(request), "POST", "/api/workflows/rename", asked)
    except Refused as refused:
        return _json({"problem": refused.detail})
    return _json({"definition": made["definition"]})


def _json(document: Document) -> Answer:
    return Response(
        msgspec.json.encode(document), media_type="application/json",
        headers={"cache-control": "no-store"},
    )  # fmt: skip


ROUTES = (begun, placed, keep, rename)
