"""The page of the editor: a new workflow, the next version of one, and repairs without a script."""

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.editor.checking import check, repaired
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.workflows.examples import EXAMPLES
from orchestra.dashboard.workflows.pages import shown_version
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

NEW: Final = "new"
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


class Sheet(msgspec.Struct, frozen=True):
    """What the page of the editor shows, beside what the check found.

    `version` is the one the text began with. `review` says what saving would change; `draft` when
    the text was kept, if it is one that was not saved; `seen` is the revision of the draft that
    the page knows of: it keeps and discards no other.
    """

    workflow: Document | None
    text: str
    version: str = ""
    key: str = ""
    problem: Document | None = None
    review: Document | None = None
    draft: str = ""
    seen: str = ""


async def editor(request: Asking, site: Site, sheet: Sheet, status: int = 200) -> Answer:
    """The page."""
    checked = await check(site, viewer(request), sheet.text)
    shown = msgspec.structs.asdict(sheet)
    shown["key"] = sheet.key or site.ids.new("new")
    return site.page(request, "pages/editor.html", status=status, **shown, **checked)


@get("/workflows/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """An empty page would help nobody: two steps that work, an example, or a copy."""
    asker, query = viewer(request), request.query_params
    text, (kept, seen) = FIRST, await draft_of(site, asker, NEW)
    if query.get("copy"):
        copied = (await shown_version(site, asker, query["copy"], ""))["definition"]
        text = written({**copied, "name": f"{copied['name']} copy"[:128]})
    elif query.get("example") in EXAMPLES:
        text = EXAMPLES[query["example"]].text
    elif kept and kept["definition"] != FIRST:
        sheet = Sheet(None, kept["definition"], draft=kept["saved_at"], seen=seen)
        return await editor(request, site, sheet)
    return await editor(request, site, Sheet(None, text, seen=seen))


@get("/workflows/{workflow:str}/edit", guards=_WRITE)
async def edit(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """The next version: your draft of it, or the active one, or the one that is asked for."""
    asker, wanted = viewer(request), request.query_params.get("version", "")
    shown = await shown_version(site, asker, workflow, wanted)
    text, active = written(shown["definition"]), str(shown["active_version"])
    kept, seen = await draft_of(site, asker, shown["id"])
    if kept and not wanted and kept["definition"] != text:
        version = str(kept["version"] or active)
        sheet = Sheet(shown, kept["definition"], version, draft=kept["saved_at"], seen=seen)
        return await editor(request, site, sheet)
    return await editor(request, site, Sheet(shown, text, active, seen=seen))


def written(value: object) -> str:
    """JSON as people read it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


async def draft_of(site: Site, asker: Viewer, workflow: str) -> tuple[Document | None, str]:
    """What the viewer wrote and has not saved, and its revision, which is known without one, too.

    Nothing and "" when it is away.
    """
    try:
        kept = await site.api.get(asker, f"/api/workflows/{workflow}/draft")
    except Refused as refused:
        return None, str(refused.document.get("revision", ""))
    except OrchestraError:
        return None, ""
    return kept, str(kept["revision"])


async def settled(site: Site, asker: Viewer, workflow: str, seen: str) -> None:
    """The draft has become a version: it is not needed any more, if it is the one of this page."""
    try:
        await discarded(site, asker, workflow, seen)
    except OrchestraError:
        return  # another page wrote it; or it ends by itself


async def discarded(site: Site, asker: Viewer, workflow: str, seen: str) -> None:
    """Forget the draft that the page knows of. Raises Refused for another one."""
    path, guard = f"/api/workflows/{workflow}/draft", _guard(seen)
    await site.api.send(asker, "DELETE", path, **guard)


def _guard(seen: str) -> dict[str, str]:
    known = seen.isascii() and seen.isdigit() and len(seen) < 16
    return {"if_match": f'"{seen}"'} if known else {}


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
    seen = given.get("draft", "")
    sheet = Sheet(shown, text, given.get("version", ""), given.get("key", ""), seen=seen)
    return await editor(request, site, sheet)


@post("/ui/editor/draft", guards=_WRITE, status_code=204)
async def keep(request: Asking, site: There) -> Response[None]:
    """Keep what is written, for whoever writes it; 412 when another page keeps a draft of it."""
    given = await form(request)
    version = given.get("version", "")
    body: Document = {"definition": given.get("definition", "")}
    if version.isascii() and version.isdigit() and 0 < len(version) < 10:
        body["version"] = int(version)
    place = given.get("workflow") or NEW
    path, guard = f"/api/workflows/{place}/draft", _guard(given.get("draft", ""))
    kept = await site.api.send(viewer(request), "PUT", path, body, **guard)
    return Response(None, status_code=204, headers={"etag": f'"{kept["revision"]}"'})


async def refused_sheet(
    request: Asking, site: Site, given: dict[str, str], refused: Refused
) -> Answer:
    """The same page, with what was typed and what is wrong with it."""
    if refused.answer_status not in (400, 409, 413, 422):
        raise refused
    workflow = given.get("workflow", "")
    shown = await shown_version(site, viewer(request), workflow, "") if workflow else None
    text, version = given.get("definition", ""), given.get("version", "")
    seen = given.get("draft", "")
    sheet = Sheet(shown, text, version, problem=refused.document, seen=seen)
    return await editor(request, site, sheet, 422)


ROUTES = (new, edit, fix, keep)
