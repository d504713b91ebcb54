"""While somebody types: what is wrong with the text, its picture, what would repair it, words."""

import functools
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.editor.patching import Edit, PatchMisplaced, edit_of
from orchestra.dashboard.forms import form
from orchestra.dashboard.rendering import Typed
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import BadRequest, OrchestraError
from orchestra.security import Permission, requires

WORDS_MAX: Final = 200
_READ: Final = [requires(Permission.WORKFLOWS_READ)]

Document = dict[str, Any]


@post("/ui/editor/validate", guards=_READ, status_code=200)
async def validate(request: Asking, site: There) -> Answer:
    """What is wrong with the text, and the picture of what it says."""
    given = await form(request)
    checked = await check(site, viewer(request), given.get("definition", ""))
    return site.fragment(request, "parts/checked.html", **checked)


async def repaired(site: Site, asker: Viewer, text: str, which: str) -> Edit | None:
    """The edit that repairs the finding `which`: its code, a space, its pointer."""
    code, _, pointer = which.partition(" ")
    for finding in (await found_in(site, asker, text))["findings"]:
        patch = finding.get("fix")
        if (finding["code"], finding["pointer"]) == (code, pointer) and patch:
            try:
                return await site.drawings.apart(functools.partial(edit_of, text, patch))
            except PatchMisplaced:
                continue
    return None


@get("/ui/editor/words", guards=_READ)
async def words(request: Asking, site: There) -> Response[Any]:
    """The names that can stand in a definition here, as far as one may know them."""
    asker = viewer(request)
    types = await _items(site, asker, "/api/agents/types", "items")
    events = await _items(site, asker, "/api/events/types", "types")
    workflows = await _items(site, asker, "/api/workflows", "items", {"limit": WORDS_MAX})
    secrets = await _items(site, asker, "/api/secrets", "items")
    made = {
        "types": [
            {
                "name": one["agent_type"],
                "agents": one["agents"],
                "tasks": [
                    {name: task.get(name) for name in ("name", "description", "input_schema")}
                    for task in one["capabilities"]
                ],
            }
            for one in types
        ],
        "events": [{"name": one["type"], "told": one.get("told", "")} for one in events],
        "workflows": [one["name"] for one in workflows],
        "secrets": [one["name"] for one in secrets],
    }
    return Response(msgspec.json.encode(made), media_type="application/json")


async def _items(
    site: Site, asker: Viewer, path: str, key: str, query: Mapping[str, object] | None = None
) -> list[Document]:
    """What a list holds; nothing when one may not see it, or it is away."""
    try:
        return (await site.api.get(asker, path, query)).get(key, [])[:WORDS_MAX]
    except OrchestraError:
        return []


async def found_in(site: Site, asker: Viewer, text: str) -> Document:
    """What the validator says, and of a text it does not even read why."""
    try:
        return await site.api.pose(asker, "/api/workflows/validate", text.encode() or b" ")
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
        return {"valid": False, "findings": [finding], "graph": {"nodes": []}}


async def check(site: Site, asker: Viewer, text: str) -> Document:
    """Findings, and a picture as far as one can be drawn, with a badge where they are."""
    checked = await found_in(site, asker, text)
    findings: list[Document] = checked["findings"]
    picture = ""
    if checked["graph"]["nodes"]:
        drawn = await site.drawings.drawn("preview", checked["graph"])
        picture = drawn.shown(badges(checked["graph"], findings), rest=None)
    return {
        "valid": checked["valid"], "checked": findings, "picture": picture,
        "findings_json": Typed(msgspec.json.encode(findings).decode()),
    }  # fmt: skip


def badges(graph: Mapping[str, Any], findings: list[Document]) -> dict[str, str]:
    """Step -> `error` or `warning`, where one has a finding; the innermost step has it."""
    places = sorted(
        ((str(node["pointer"]), str(node["id"])) for node in graph["nodes"]), key=len_of
    )
    found: dict[str, str] = {}
    for finding in findings:
        severity = finding.get("severity", "error")
        if severity not in ("error", "warning"):
            continue
        pointer = str(finding["pointer"]) + "/"
        for place, step in places:
            if pointer.startswith(place + "/"):
                if severity == "error" or step not in found:
                    found[step] = severity
                break
    return found


def len_of(place: tuple[str, str]) -> int:
    """Longest first: the innermost."""
    return -len(place[0])


ROUTES = (validate, words)
