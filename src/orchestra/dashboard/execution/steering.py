"""What can be done with an execution: buttons, what they will do, and doing it."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.errors import Invalid, NotFound, Problem
from orchestra.security import Permission, requires

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


def verbs(run: Document) -> tuple[str, ...]:
    """What can be done with an execution now."""
    can = VERBS.get(str(run["status"]), ())
    rollback: Document = run.get("rollback") or {}
    if rollback.get("blocked_at"):  # it goes on with the undoing, and no step runs again
        return tuple(verb for verb in can if verb != "retry")
    return can


async def _asked(execution: str, request: Asking, site: Site) -> Document:
    """What the question says: the execution, the verb, and for a rollback its preview."""
    verb, asker = request.query_params.get("do", ""), viewer(request)
    if verb not in ASKED_FIRST:
        raise NotFound("there is no page at this address")
    base = f"/api/executions/{execution}"
    run = await site.api.get(asker, base)
    preview = await site.api.get(asker, f"{base}/rollback/preview") if verb == "rollback" else None
    done = [step for step in run["steps"] if step["status"] == "completed"]
    return {"run": run, "verb": verb, "preview": preview, "done": done}


@get("/executions/{execution:str}/confirm", guards=_READ)
async def confirm(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """What will happen, before it does."""
    context = await _asked(execution, request, site)
    return site.page(request, "pages/confirm.html", **context)


@get("/ui/executions/{execution:str}/confirm", guards=_READ)
async def confirm_dialog(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """The same, to be put into a dialog."""
    context = await _asked(execution, request, site)
    return site.fragment(request, "parts/confirm.html", **context)


@post("/ui/executions/{execution:str}/{verb:str}", guards=_OPERATE)
async def control(
    execution: FromPath[str], verb: FromPath[str], request: Asking, site: There
) -> Answer:
    """Pause, resume, cancel, roll back, retry."""
    given = await form(request)
    if verb not in {name for names in VERBS.values() for name in names}:
        raise NotFound("there is no page at this address")
    body: Document = {"reason": given["reason"]} if given.get("reason") else {}
    if verb == "rollback" and given.get("skip") == "true":
        body["skip"] = True
    if given.get("typed", "").strip() != given.get("expects", ""):
        finding = Problem("/typed", "field.range", f"type {given.get('expects', '')}")
        raise Invalid("the number that was typed is another one: nothing was done", [finding])
    path = f"/api/executions/{execution}/{verb}"
    made = await site.api.send(viewer(request), "POST", path, body)
    if not by_htmx(request):
        return gone_to(f"/executions/{execution}")
    said = f"{verb}: the execution is {str(made['status']).replace('_', ' ')}"
    return site.fragment(
        request, "parts/toast.html", status=200, kind="ok", title="Done", said=said
    )


ROUTES = (confirm, confirm_dialog, control)
