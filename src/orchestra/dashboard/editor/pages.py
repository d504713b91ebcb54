"""The page of the editor, and saving."""

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.builder import placed_anew
from orchestra.dashboard.editor.checking import check, repaired
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.dashboard.workflows import shown_version
from orchestra.security import Permission, requires

_WRITE: Final = [requires(Permission.WORKFLOWS_WRITE)]
FIRST: Final = """\
{
  "name": "my-workflow",
  "description": "What it is for",
  "steps": [
    {
      "id": "sentiment",
      "agent_type": "text_processor",
      "task_type": "sentiment_analysis",
      "input_data": {"text": "${input.text}"}
    },
    {
      "id": "facts",
      "agent_type": "text_processor",
      "task_type": "text_analysis",
      "input_data": {"text": "${input.text}"},
      "depends_on": ["sentiment"]
    }
  ]
}
"""

Document = dict[str, Any]


@get("/workflows/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """An empty page would help nobody: two steps that work."""
    checked = await check(site, viewer(request), FIRST)
    return site.page(
        request, "pages/editor.html", workflow=None, text=FIRST, key=site.ids.new("new"),
        problem=None, version="", **checked,
    )  # fmt: skip


@get("/workflows/{workflow:str}/edit", guards=_WRITE)
async def edit(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """The next version, beginning with the active one."""
    asker = viewer(request)
    shown = await shown_version(site, asker, workflow, request.query_params.get("version", ""))
    text = msgspec.json.format(msgspec.json.encode(shown["definition"]), indent=2).decode()
    checked = await check(site, asker, text)
    return site.page(
        request, "pages/editor.html", workflow=shown, text=text, key="", problem=None,
        version=shown["active_version"], **checked,
    )  # fmt: skip


@post("/ui/workflows", guards=_WRITE)
async def create(request: Asking, site: There) -> Answer:
    """Save it as a new workflow."""
    given = await form(request)
    asker, text = viewer(request), given.get("definition", "")
    key = given.get("key") or site.ids.new("new")
    try:
        made = await site.api.send(
            asker, "POST", "/api/workflows", text.encode(), idempotency_key=key
        )
    except Refused as refused:
        return await _again(request, site, None, given, refused)
    await placed_anew(site, asker, str(made["id"]), given.get("layout", ""))
    return _to(request, f"/workflows/{made['id']}")


@post("/ui/workflows/{workflow:str}", guards=_WRITE)
async def save(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Save it as the next version, unless somebody else was faster."""
    given = await form(request)
    asker, text, version = viewer(request), given.get("definition", ""), given.get("version", "")
    try:
        made = await site.api.send(
            asker, "PUT", f"/api/workflows/{workflow}", text.encode(), if_match=f'"{version}"'
        )
    except Refused as refused:
        shown = await shown_version(site, asker, workflow, "")
        return await _again(request, site, shown, given, refused)
    return _to(request, f"/workflows/{made['id']}")


@post("/ui/editor/fix", guards=[requires(Permission.WORKFLOWS_READ)], status_code=200)
async def fix(request: Asking, site: There) -> Response[Any]:
    """Repair one finding: as an edit for a script, else the page again with the repaired text."""
    given = await form(request)
    asker, text = viewer(request), given.get("definition", "")
    found = await repaired(site, asker, text, given.get("fix", ""))
    if request.headers.get("accept") == "application/json":
        edit = msgspec.json.encode({"edit": found and found.in_units(text)})
        return Response(edit, media_type="application/json")
    workflow = given.get("workflow", "")
    shown = await shown_version(site, asker, workflow, "") if workflow else None
    text = found.applied(text) if found else text
    return site.page(
        request, "pages/editor.html", workflow=shown, text=text, key=given.get("key", ""),
        version=given.get("version", ""), problem=None, **await check(site, asker, text),
    )  # fmt: skip


async def _again(
    request: Asking, site: Site, workflow: Document | None, given: dict[str, str], refused: Refused
) -> Answer:
    """The same page, with what was typed and what is wrong with it."""
    if refused.answer_status not in (400, 409, 412, 422):
        raise refused
    text = given.get("definition", "")
    checked = await check(site, viewer(request), text)
    return site.page(
        request, "pages/editor.html", status=422, workflow=workflow, text=text,
        key=site.ids.new("new"), version=given.get("version", ""), problem=refused.document,
        **checked,
    )  # fmt: skip


def _to(request: Asking, target: str) -> Answer:
    if request.headers.get("hx-request") == "true":
        return Response(b"", status_code=200, headers={"HX-Redirect": target})
    return gone_to(target)


ROUTES = (new, edit, create, save, fix)
