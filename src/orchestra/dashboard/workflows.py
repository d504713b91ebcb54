"""`/workflows`: the list, one workflow with its graph and versions, and running it."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

PAGE: Final = 50
TABS: Final = ("graph", "executions", "versions", "json")
_READ: Final = [requires(Permission.WORKFLOWS_READ)]
_START: Final = [requires(Permission.EXECUTIONS_START)]
EMPTY: Final[Mapping[str, object]] = {
    "string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "null": None,
}  # fmt: skip
OUTCOMES: Final = ("completed", "failed", "rolled_back", "cancelled")

Document = dict[str, Any]


@get("/workflows", guards=_READ)
async def workflows(request: Asking, site: There) -> Answer:
    """The list."""
    query = {name: request.query_params.get(name, "") for name in ("q", "label", "cursor")}
    asker = viewer(request)
    archived = request.query_params.get("archived") == "true"
    wish = {"limit": PAGE, **query, "archived": "true" if archived else None}
    page = await site.api.get(asker, "/api/workflows", wish)
    outcomes = await _outcomes(site, asker)
    return site.page(
        request, "pages/workflows.html", page=page, query=query, archived=archived,
        outcomes=outcomes, live="workflows",
    )  # fmt: skip


async def _outcomes(site: Site, asker: Viewer) -> Mapping[str, Mapping[str, float]]:
    """How executions of the last 24 hours ended, by name of the workflow; empty if unknown."""
    query = {
        "metric": "orchestra_executions_total", "agg": "increase", "by": "workflow,outcome",
        "from": "-24h", "limit": 100,
    }  # fmt: skip
    try:
        answer = await site.api.get(asker, "/api/metrics/query", query)
    except OrchestraError:
        return {}
    found: dict[str, dict[str, float]] = {}
    for series in answer.get("series", ()):
        labels: dict[str, str] = series["labels"]
        total = sum(value for value in series["values"] if value is not None)
        of = found.setdefault(labels.get("workflow", ""), dict.fromkeys(OUTCOMES, 0.0))
        of[labels.get("outcome", "")] = of.get(labels.get("outcome", ""), 0.0) + total
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
    elif tab == "executions":
        query = {
            "workflow": shown["id"],
            "limit": PAGE,
            "cursor": request.query_params.get("cursor"),
        }
        context["page"] = await site.api.get(asker, "/api/executions", query)
    elif tab == "versions":
        context["versions"] = await site.api.get(asker, f"/api/workflows/{shown['id']}/versions")
    live = "executions" if tab == "executions" else "workflows"
    return site.page(request, "pages/workflow.html", live=live, **context)


async def shown_version(site: Site, asker: Viewer, workflow: str, version: str) -> Document:
    """The workflow, at the version that is asked for or the active one. Raises Refused."""
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


@get("/workflows/{workflow:str}/run", guards=_START)
async def run(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """The form that starts an execution."""
    asker = viewer(request)
    shown = await shown_version(site, asker, workflow, "")
    text = await _proposed(site, asker, shown, request.query_params.get("from", ""))
    return site.page(
        request, "pages/run.html", workflow=shown, text=text, key=site.ids.new("run"),
        problem=None, findings=(),
    )  # fmt: skip


async def _proposed(site: Site, asker: Viewer, workflow: Document, like: str) -> str:
    """The input of the execution `like` or of the last one, or one made from the schema."""
    if not like.startswith("exe_") or "/" in like:
        only = {"workflow": workflow["id"], "limit": 1}
        last = await site.api.get(asker, "/api/executions", only)
        like = last["items"][0]["id"] if last["items"] else ""
    if like:
        try:
            status = await site.api.get(asker, f"/api/executions/{like}")
        except OrchestraError:
            status = {}
        given = status.get("input_data")
        if isinstance(given, dict) and given and "$truncated" not in given:
            return _text(cast("Document", given))
    return _text(example_of(workflow["definition"].get("input_schema") or {}))


def example_of(schema: Document) -> object:
    """An input that a schema may be happy with: defaults, examples, or something of the type."""
    for name in ("default", "const"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if isinstance(schema.get(name), list) and schema[name]:
            return schema[name][0]
    properties: Document = schema.get("properties") or {}
    if properties or schema.get("type") in ("object", None):
        return {name: example_of(part) for name, part in properties.items() if _is_object(part)}
    kind: object = schema.get("type")
    kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
    return next((EMPTY[str(one)] for one in kinds if one in EMPTY), "")


def _is_object(part: object) -> bool:
    return isinstance(part, dict)


def _text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


@post("/ui/workflows/{workflow:str}/run", guards=_START)
async def start(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Start it: on to the new execution, or the form again with what is wrong."""
    given = await form(request)
    asker = viewer(request)
    text, key = given.get("input", ""), given.get("key") or site.ids.new("run")
    path = f"/api/workflows/{workflow}/execute"
    body = b'{"input_data":' + (text.strip() or "{}").encode() + b"}"
    try:
        made = await site.api.send(asker, "POST", path, body, idempotency_key=key)
    except Refused as refused:
        if refused.answer_status not in (400, 422):
            raise
        shown = await shown_version(site, asker, workflow, "")
        return site.page(
            request, "pages/run.html", status=422, workflow=shown, text=text, key=key,
            problem=refused.document, findings=refused.document.get("errors", ()),
        )  # fmt: skip
    return _onwards(request, f"/executions/{made['id']}")


@post("/ui/workflows/{workflow:str}/archive", guards=[requires(Permission.WORKFLOWS_WRITE)])
async def archive(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Start nothing of it any more."""
    await form(request)
    await site.api.send(viewer(request), "DELETE", f"/api/workflows/{workflow}")
    return _onwards(request, "/workflows")


def _onwards(request: Asking, target: str) -> Answer:
    if by_htmx(request):
        return Response(b"", status_code=200, headers={"HX-Redirect": target})
    return gone_to(target)


ROUTES = (workflows, one, run, start, archive)
