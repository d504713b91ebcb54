"""`/executions/{id}/again`: the same workflow once more, with the same input or an edited one."""

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.execution.differing import difference
from orchestra.dashboard.forms import form, json_of
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.errors import BadRequest
from orchestra.security import Permission, requires

TEXT_MAX: Final = 256 * 1024
"""A longer input is run again as it is: nobody edits that in a page."""
MENDABLE: Final = frozenset({400, 409, 413, 422})
_START: Final = [requires(Permission.EXECUTIONS_START)]

Document = dict[str, Any]


@get("/executions/{execution:str}/again", guards=_START)
async def again(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """The form."""
    asker, base = viewer(request), f"/api/executions/{execution}"
    run = await site.api.get(asker, base)
    given = (await site.api.get(asker, f"{base}/input"))["input_data"]
    text = msgspec.json.format(msgspec.json.encode(given), indent=2).decode()
    context = _context(run, text, str(run["workflow_version"]), site.ids.new("run"))
    return site.page(request, "pages/again.html", **context)


def _context(run: Document, text: str, version: str, key: str) -> Document:
    large = len(text) > TEXT_MAX
    return {
        "run": run, "text": "" if large else text, "large": large, "bytes": len(text),
        "version": version, "key": key, "problem": None, "changes": None,
    }  # fmt: skip


@post("/ui/executions/{execution:str}/again", guards=_START)
async def started(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """On to the new one; or the form again with what is wrong, or what would differ."""
    fields = await form(request)
    asker, base = viewer(request), f"/api/executions/{execution}"
    run = await site.api.get(asker, base)
    text = fields.get("input", "")
    before = (await site.api.get(asker, f"{base}/input"))["input_data"]
    if fields.get("same") == "true":
        text = msgspec.json.encode(before).decode()
    version, key = fields.get("version", ""), fields.get("key") or site.ids.new("run")
    context = _context(run, text, version, key)
    if fields.get("check") == "true":
        return _checked(request, site, before, context)
    body: list[bytes] = [b'{"input_data":', text.strip().encode() or b"{}"]
    if version.isascii() and version.isdigit():
        body += [b',"version":', version.encode()]
    body.append(b"}")
    path = f"/api/workflows/{run['workflow_id']}/execute"
    try:
        made = await site.api.send(asker, "POST", path, b"".join(body), idempotency_key=key)
    except Refused as refused:
        if refused.answer_status not in MENDABLE:
            raise
        wrong = context | {"problem": refused.document}
        return site.page(request, "pages/again.html", status=422, **wrong)
    return gone_to(f"/executions/{made['id']}")


def _checked(request: Asking, site: Site, before: object, context: Document) -> Answer:
    """What the edited input differs in, before it is run."""
    try:
        after = json_of(context["text"].strip() or "{}")
    except BadRequest as wrong:
        context["problem"] = {"detail": f"this is no JSON: {wrong.detail}", "errors": []}
        return site.page(request, "pages/again.html", status=422, **context)
    context["changes"] = difference(before, after)
    return site.page(request, "pages/again.html", **context)


ROUTES = (again, started)
