"""`/workflows`: the list, one workflow with its graph and versions, and running it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import anyio
import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Viewer, is_no_id
from orchestra.dashboard.forms import form
from orchestra.dashboard.insights.of_workflow import insights_of
from orchestra.dashboard.site import Answer, Asking, Site, There, onwards, viewer
from orchestra.dashboard.trees import difference
from orchestra.dashboard.workflows.comparing import changes
from orchestra.dashboard.workflows.examples import EXAMPLES
from orchestra.errors import NotFound, OrchestraError
from orchestra.security import Permission, requires

PAGE: Final = 50
TABS: Final = ("graph", "executions", "versions", "insights", "json")
_READ: Final = [requires(Permission.WORKFLOWS_READ)]
RECENT: Final = 200
BARS: Final = 20
LATELY: Final = 6
ENDS: Final = ("completed", "failed", "rolled_back", "cancelled")

Document = dict[str, Any]


@get("/workflows", guards=_READ)
async def workflows(request: Asking, site: There) -> Answer:
    """The list."""
    query = {name: request.query_params.get(name, "") for name in ("q", "label", "cursor")}
    asker = viewer(request)
    archived = request.query_params.get("archived") == "true"
    wish = {"limit": PAGE, **query, "archived": "true" if archived else None}
    page = await site.api.get(asker, "/api/workflows", wish)
    beside: Document = {}

    async def look(name: str, ask: Callable[[Site, Viewer], Awaitable[object]]) -> None:
        beside[name] = await ask(site, asker)

    async with anyio.create_task_group() as group:
        group.start_soon(look, "figures", _figures)
        group.start_soon(look, "recent", _recent)
    return site.page(
        request, "pages/workflows.html", page=page, query=query, archived=archived, ends=ENDS,
        examples=EXAMPLES.values(), live="workflows", **beside,
    )  # fmt: skip


async def _figures(site: Site, asker: Viewer) -> Mapping[str, Mapping[str, float]]:
    """Of the last 24 hours, by name of the workflow; what is not known is left out."""
    found: dict[str, dict[str, float]] = {}

    async def ask(key: str, metric: str, agg: str, by: str = "workflow") -> None:
        query = {"metric": metric, "agg": agg, "by": by, "from": "-24h", "step": "1d"}
        try:
            answer = await site.api.get(asker, "/api/metrics/query", {**query, "limit": 100})
        except OrchestraError:
            return
        for series in answer.get("series", ()):
            labels: dict[str, str] = series["labels"]
            values = [value for value in series["values"] if value is not None]
            if values:
                name = labels.get("outcome", key)
                of = found.setdefault(labels.get("workflow", ""), {})
                of[name] = of.get(name, 0.0) + (values[-1] if agg.startswith("p") else sum(values))

    async with anyio.create_task_group() as asking:
        total, lasted = "orchestra_executions_total", "orchestra_execution_seconds"
        asking.start_soon(ask, "", total, "increase", "workflow,outcome")
        asking.start_soon(ask, "p50", lasted, "p50")
        asking.start_soon(ask, "p95", lasted, "p95")
        asking.start_soon(ask, "cost", "orchestra_workflow_cost_usd_total", "increase")
    return found


async def _recent(site: Site, asker: Viewer) -> Mapping[str, list[str]]:
    """How the last executions of each went, oldest first, as far as the last 200 tell of it."""
    found: dict[str, list[str]] = {}
    try:
        answer = await site.api.get(asker, "/api/executions", {"limit": RECENT})
    except OrchestraError:
        return found
    for run in answer["items"]:
        of = found.setdefault(run["workflow_id"], [])
        if len(of) < BARS:
            of.insert(0, run["status"])
    return found


@get("/workflows/{workflow:str}", guards=_READ)
async def one(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """One of them: graph, executions, versions, JSON."""
    asker = viewer(request)
    tab = request.query_params.get("tab", "graph")
    tab = tab if tab in TABS else "graph"
    shown = await shown_version(site, asker, workflow, request.query_params.get("version", ""))
    context: Document = {"workflow": shown, "tab": tab}
    if tab == "graph":
        picture = await site.drawings.of(asker, shown)
        chosen = request.query_params.get("step", "")
        context |= {"picture": picture.shown(None, chosen), "step": _step(shown, chosen)}
        context["lately"] = await _lately(site, asker, shown)
    elif tab == "executions":
        query = {
            "workflow": shown["id"],
            "limit": PAGE,
            "cursor": request.query_params.get("cursor"),
        }
        context["page"] = await site.api.get(asker, "/api/executions", query)
    elif tab == "versions":
        context["versions"] = await site.api.get(asker, f"/api/workflows/{shown['id']}/versions")
        context["compared"] = await _compared(site, asker, shown, request.query_params)
    elif tab == "insights":
        wanted = request.query_params
        context["insights"] = await insights_of(site, asker, shown["id"], wanted, tab)
    live = "executions" if tab == "executions" or context.get("lately") is not None else ""
    return site.page(request, "pages/workflow.html", live=live, **context)


async def _lately(site: Site, asker: Viewer, workflow: Document) -> list[Document] | None:
    """Its last executions; None for those who may not see them."""
    try:
        wish = {"workflow": workflow["id"], "limit": LATELY}
        return (await site.api.get(asker, "/api/executions", wish))["items"]
    except OrchestraError:
        return None


async def _compared(
    site: Site, asker: Viewer, workflow: Document, query: Mapping[str, str]
) -> Document | None:
    """Two versions side by side, when two are asked for."""
    old, new = query.get("old", ""), query.get("new", "")
    if not (old and new):
        return None
    left = await shown_version(site, asker, workflow["id"], old)
    right = await shown_version(site, asker, workflow["id"], new)
    before, after = left["definition"], right["definition"]
    return {
        "old": left["version"], "new": right["version"], "changes": changes(before, after),
        "lines": difference(before, after),
    }  # fmt: skip


async def shown_version(site: Site, asker: Viewer, workflow: str, version: str) -> Document:
    """The workflow, at the version that is asked for or the active one. Raises Refused."""
    if is_no_id("workflow", workflow):
        raise NotFound("there is no workflow of this id")
    path = f"/api/workflows/{workflow}"
    if version.isascii() and version.isdigit() and len(version) < 10:
        path += f"/versions/{version}"
    return await site.api.get(asker, path)


def _step(workflow: Document, path: str) -> Document | None:
    """The part of the definition that a path names."""
    if not path:
        return None
    names = path.split("/")

    def look(value: object, left: list[str]) -> Document | None:
        if isinstance(value, list):
            parts = cast("list[object]", value)
            return next((found for one in parts if (found := look(one, left))), None)
        if not isinstance(value, dict):
            return None
        given = cast("Document", value)
        rest = left[1:] if given.get("id") == left[0] else left
        if not rest:
            return given
        return next((found for one in given.values() if (found := look(one, rest))), None)

    return look(workflow["definition"].get("steps"), names)


@get("/workflows/{workflow:str}/export", guards=_READ)
async def export(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """The definition as a file."""
    version = request.query_params.get("version", "")
    shown = await shown_version(site, viewer(request), workflow, version)
    body = msgspec.json.format(msgspec.json.encode(shown["definition"]), indent=2) + b"\n"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", shown["name"]).strip("-.")[:80] or "workflow"
    named = f'attachment; filename="{plain}-v{shown["version"]}.json"'
    return Response(
        body, media_type="application/json",
        headers={"content-disposition": named, "cache-control": "no-store"},
    )  # fmt: skip


@post("/ui/workflows/{workflow:str}/archive", guards=[requires(Permission.WORKFLOWS_WRITE)])
async def archive(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Start nothing of it any more."""
    await form(request)
    await site.api.send(viewer(request), "DELETE", f"/api/workflows/{workflow}")
    return onwards(request, "/workflows")


ROUTES = (workflows, one, export, archive)
