"""`/executions/{id}`: one execution as it runs."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.dashboard.timeline import timeline
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

LINES: Final = 200
TABS: Final = ("graph", "timeline", "events", "logs", "context")
VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    "pending": ("pause", "cancel", "rollback"),
    "running": ("pause", "cancel", "rollback"),
    "paused": ("resume", "cancel", "rollback"),
    "completed": ("rollback",),
    "failed": ("retry", "rollback"),
    "cancelled": ("rollback",),
}
ASKED_FIRST: Final = ("cancel", "rollback")
_READ: Final = [requires(Permission.EXECUTIONS_READ)]
_OPERATE: Final = [requires(Permission.EXECUTIONS_OPERATE)]

Document = dict[str, Any]


@get("/executions/{execution:str}", guards=_READ)
async def one(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """One execution."""
    asker = viewer(request)
    context = await shown(site, asker, execution, dict(request.query_params))
    live = f"execution:{context['run']['id']}"
    return site.page(request, "pages/execution.html", live=live, **context)


@get("/ui/executions/{execution:str}/main", guards=_READ)
async def main(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """What stands below the head, made anew."""
    context = await shown(site, viewer(request), execution, dict(request.query_params))
    return site.fragment(request, "parts/execution_main.html", **context)


async def shown(site: Site, asker: Viewer, execution: str, query: Mapping[str, str]) -> Document:
    """Everything the page of an execution needs. Raises Refused."""
    base = f"/api/executions/{execution}"
    run = await site.api.get(asker, base)
    tab = query.get("tab", "graph")
    tab = tab if tab in TABS else "graph"
    chosen = query.get("step", "")
    made: Document = {"run": run, "tab": tab, "chosen": chosen, "verbs": verbs(run), "step": None}
    if chosen:
        try:
            made["step"] = await site.api.get(asker, f"{base}/steps/{chosen}")
        except Refused as unknown:
            if unknown.answer_status != 404:
                raise
    if tab == "graph":
        made["picture"] = await picture(site, asker, run, chosen)
    elif tab == "timeline":
        history = await site.api.get(asker, f"{base}/history", {"limit": 1_000})
        made["timeline"] = timeline(run, history["items"], site.clock.now_ms())
    elif tab == "events":
        after = query.get("after", "")
        wish = {"limit": LINES, "after": after if after.isdigit() else None}
        made["history"] = await site.api.get(asker, f"{base}/history", wish)
    elif tab == "logs":
        wish = {"limit": LINES, "level": query.get("level"), "q": query.get("q", "")[:1_024]}
        wish["level"] = (
            wish["level"] if wish["level"] in ("debug", "info", "warning", "error") else None
        )
        made["logs"] = await site.api.get(asker, f"{base}/logs", wish)
        made["asked"] = wish
    return made


async def picture(site: Site, asker: Viewer, run: Document, chosen: str) -> object:
    """The graph with the state of each step."""
    version = run["workflow_version"]
    path = f"/api/workflows/{run['workflow_id']}/versions/{version}"
    try:
        workflow = await site.api.get(asker, path)
    except Refused as refused:
        if refused.answer_status not in (403, 404):
            raise
        return ""
    drawn = await site.drawings.of(asker, workflow)
    states = {step["path"]: step["status"] for step in run["steps"]}
    return drawn.shown(states, chosen, "skipped" if run["ended_at"] else "waiting")


def verbs(run: Document) -> tuple[str, ...]:
    """What can be done with an execution now."""
    return VERBS.get(str(run["status"]), ())


@get("/executions/{execution:str}/confirm", guards=_READ)
async def confirm(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """What will happen, before it does."""
    verb = request.query_params.get("do", "")
    run = await site.api.get(viewer(request), f"/api/executions/{execution}")
    if verb not in ASKED_FIRST:
        raise NotFound("there is no page at this address")
    return site.page(request, "pages/confirm.html", run=run, verb=verb, done=undone(run))


@get("/ui/executions/{execution:str}/confirm", guards=_READ)
async def confirm_dialog(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """The same, to be put into a dialog."""
    verb = request.query_params.get("do", "")
    run = await site.api.get(viewer(request), f"/api/executions/{execution}")
    if verb not in ASKED_FIRST:
        raise NotFound("there is no page at this address")
    return site.fragment(request, "parts/confirm.html", run=run, verb=verb, done=undone(run))


def undone(run: Document) -> list[Document]:
    """Steps whose effect a rollback would undo, the last one first."""
    return [step for step in reversed(run["steps"]) if step["status"] == "completed"]


@post("/ui/executions/{execution:str}/{verb:str}", guards=_OPERATE)
async def control(
    execution: FromPath[str], verb: FromPath[str], request: Asking, site: There
) -> Answer:
    """Pause, resume, cancel, roll back, retry."""
    given = await form(request)
    if verb not in {name for names in VERBS.values() for name in names}:
        raise NotFound("there is no page at this address")
    body = {"reason": given["reason"]} if given.get("reason") else {}
    path = f"/api/executions/{execution}/{verb}"
    made = await site.api.send(viewer(request), "POST", path, body)
    if not by_htmx(request):
        return gone_to(f"/executions/{execution}")
    said = f"{verb}: the execution is {str(made['status']).replace('_', ' ')}"
    return site.fragment(
        request, "parts/toast.html", status=200, kind="ok", title="Done", said=said
    )


ROUTES = (one, main, confirm, confirm_dialog, control)
