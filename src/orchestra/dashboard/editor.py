"""Writing a definition: the text, what the validator says of it while it is typed, and saving."""

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.rendering import Typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.dashboard.workflows import shown_version
from orchestra.errors import BadRequest
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
    checked = await _checked(site, viewer(request), FIRST)
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
    checked = await _checked(site, asker, text)
    return site.page(
        request, "pages/editor.html", workflow=shown, text=text, key="", problem=None,
        version=shown["active_version"], **checked,
    )  # fmt: skip


@post("/ui/editor/validate", guards=[requires(Permission.WORKFLOWS_READ)], status_code=200)
async def validate(request: Asking, site: There) -> Answer:
    """What is wrong with the text, and the picture of what it says."""
    given = await form(request)
    checked = await _checked(site, viewer(request), given.get("definition", ""))
    return site.fragment(request, "parts/checked.html", **checked)


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


async def _again(
    request: Asking, site: Site, workflow: Document | None, given: dict[str, str], refused: Refused
) -> Answer:
    """The same page, with what was typed and what is wrong with it."""
    if refused.answer_status not in (400, 409, 412, 422):
        raise refused
    text = given.get("definition", "")
    checked = await _checked(site, viewer(request), text)
    return site.page(
        request, "pages/editor.html", status=422, workflow=workflow, text=text,
        key=site.ids.new("new"), version=given.get("version", ""), problem=refused.document,
        **checked,
    )  # fmt: skip


async def _checked(site: Site, asker: Viewer, text: str) -> Document:
    """Findings, and a picture as far as one can be drawn."""
    try:
        checked = await site.api.send(
            asker, "POST", "/api/workflows/validate", text.encode() or b" "
        )
    except (Refused, BadRequest) as refused:
        document = refused.document if isinstance(refused, Refused) else {}
        if isinstance(refused, Refused) and refused.answer_status not in (400, 413, 422):
            raise
        finding: Document = {
            "severity": "error",
            "message": refused.detail,
            "pointer": "",
            "code": refused.code,
        }
        line, column = document.get("line"), document.get("column")
        if line:
            finding["range"] = {
                "line": line, "column": column, "end_line": line, "end_column": column,
            }  # fmt: skip
        checked: Document = {"valid": False, "findings": [finding], "graph": {"nodes": []}}
    picture = ""
    if checked["graph"]["nodes"]:
        picture = (await site.drawings.drawn("preview", checked["graph"])).shown()
    return {
        "valid": checked["valid"], "checked": checked["findings"], "picture": picture,
        "findings_json": Typed(msgspec.json.encode(checked["findings"]).decode()),
    }  # fmt: skip


def _to(request: Asking, target: str) -> Answer:
    if request.headers.get("hx-request") == "true":
        return Response(b"", status_code=200, headers={"HX-Redirect": target})
    return gone_to(target)


ROUTES = (new, edit, validate, create, save)
