"""Saving: what it would change is shown first, and what others saved meanwhile is not lost."""

from typing import Any, Final

import msgspec
from litestar import post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.builder import placed_anew
from orchestra.dashboard.editor.pages import (
    NEW,
    Sheet,
    discarded,
    editor,
    refused_sheet,
    settled,
    written,
)
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, onwards, viewer
from orchestra.dashboard.trees import difference
from orchestra.dashboard.workflows.comparing import changes, merged
from orchestra.dashboard.workflows.pages import shown_version
from orchestra.security import Permission, requires

_WRITE: Final = [requires(Permission.WORKFLOWS_WRITE)]

Document = dict[str, Any]


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
        return await refused_sheet(request, site, {**given, "workflow": ""}, refused)
    await placed_anew(site, asker, str(made["id"]), given.get("layout", ""))
    await settled(site, asker, NEW, given.get("draft", ""))
    return onwards(request, f"/workflows/{made['id']}")


@post("/ui/workflows/{workflow:str}", guards=_WRITE)
async def save(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Show what would change; with `confirmed`, the version it was compared with, save it."""
    given = {**await form(request), "workflow": workflow}
    asker, text = viewer(request), given.get("definition", "")
    seen = given.get("confirmed", "")
    try:
        if seen:
            path = f"/api/workflows/{workflow}"
            made = await site.api.send(asker, "PUT", path, text.encode(), if_match=f'"{seen}"')
            await settled(site, asker, made["id"], given.get("draft", ""))
            return onwards(request, f"/workflows/{made['id']}")
        mine = await _read(site, asker, text)
    except Refused as refused:
        if refused.answer_status != 412:
            return await refused_sheet(request, site, given, refused)
        mine = await _read(site, asker, text)
    active = await shown_version(site, asker, workflow, "")
    if seen and not changes(active["definition"], mine):  # pressed twice: it is saved already
        await settled(site, asker, active["id"], given.get("draft", ""))
        return onwards(request, f"/workflows/{active['id']}")
    if given.get("merge"):
        return await _merge(request, site, active, given, mine)
    return await _review(request, site, active, given, mine)


async def _read(site: Site, asker: Viewer, text: str) -> Document:
    """The definition as it would be saved. Raises Refused with every mistake."""
    checked = await site.api.pose(asker, "/api/workflows/validate", text.encode() or b" ")
    if checked["valid"]:
        return checked["normalised"]
    errors = [one for one in checked["findings"] if one["severity"] == "error"]
    many = f"{len(errors)} mistake{'s' * (len(errors) != 1)} to put right first; the text is kept"
    raise Refused(422, {"title": "Not saved", "detail": many, "errors": errors})


async def _review(
    request: Asking, site: Site, active: Document, given: dict[str, str], mine: Document
) -> Answer:
    version, now = given.get("version", ""), str(active["active_version"])
    known = version.isascii() and version.isdigit() and len(version) < 10
    if not known or version == now or given.get("confirmed") == now:
        base = active
    else:
        base = await shown_version(site, viewer(request), active["id"], version)
    theirs = changes(base["definition"], active["definition"])
    review: Document = {
        "version": now,
        "began": base["version"],
        "mine": changes(base["definition"], mine, theirs),
        "theirs": theirs,
        "lines": difference(active["definition"], mine),
        "their_lines": difference(base["definition"], active["definition"]) if theirs else [],
        "mergeable": bool(theirs)
        and merged(base["definition"], active["definition"], mine) is not None,
    }
    text = given.get("definition", "")
    seen = given.get("draft", "")
    sheet = Sheet(active, text, str(base["version"]), review=review, seen=seen)
    return await editor(request, site, sheet, 422 if theirs else 200)


async def _merge(
    request: Asking, site: Site, active: Document, given: dict[str, str], mine: Document
) -> Answer:
    """Both changes in one text, to be looked at before it is saved."""
    base = await shown_version(site, viewer(request), active["id"], given.get("version", ""))
    both = merged(base["definition"], active["definition"], mine)
    if both is None:
        return await _review(request, site, active, given, mine)
    joined = {**given, "definition": written(both), "version": str(active["active_version"])}
    return await _review(request, site, active, joined, both)


@post("/ui/workflows/{workflow:str}/restore", guards=_WRITE)
async def restore(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Save an older version again, as the newest."""
    given = await form(request)
    asker = viewer(request)
    old = await shown_version(site, asker, workflow, given.get("version", ""))
    body = msgspec.json.encode(old["definition"])
    seen = f'"{given.get("active", "")}"'
    await site.api.send(asker, "PUT", f"/api/workflows/{workflow}", body, if_match=seen)
    return onwards(request, f"/workflows/{workflow}?tab=versions")


@post("/ui/editor/discard", guards=_WRITE)
async def discard(request: Asking, site: There) -> Answer:
    """Forget the draft, and show what is saved; or the one that another page wrote meanwhile."""
    given = await form(request)
    place = given.get("workflow") or NEW
    try:
        await discarded(site, viewer(request), place, given.get("draft", ""))
    except Refused as refused:
        if refused.answer_status != 412:
            raise
    return onwards(request, f"/workflows/{place}/edit" if place != NEW else "/workflows/new")


ROUTES = (create, save, restore, discard)
