"""`/executions/{id}/export`: all of an execution in one file, to be sent, kept, or printed.

The page asks nobody, has no script, and its own policy names the digest of its one style sheet. It
says what its viewer may see: it is made of the same answers as the pages.
"""

import base64
import hashlib
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from orchestra.dashboard.execution import reading
from orchestra.dashboard.execution.choosing import Choice
from orchestra.dashboard.execution.comparing import STEPS_MAX
from orchestra.dashboard.gantt import still
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import NotFound
from orchestra.instants import instant
from orchestra.security import Permission, requires

LINES_MAX: Final = 5_000
DETAILS_MAX: Final = 200
FORMATS: Final = ("html", "json")
_READ: Final = [requires(Permission.EXECUTIONS_READ)]

Document = dict[str, Any]


@get("/executions/{execution:str}/export", guards=_READ)
async def export(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """The file."""
    kind = request.query_params.get("format", "html")
    if kind not in FORMATS:
        raise NotFound("an execution is exported as html or as json")
    found = await _everything(site, request, execution)
    named = f'attachment; filename="{found["run"]["id"]}.{kind}"'
    headers = {"content-disposition": named}
    if kind == "json":
        names = ("run", "input", "steps", "history", "history_cut", "exported_at")
        body = msgspec.json.format(
            msgspec.json.encode({name: found[name] for name in names}), indent=2
        )
        return Response(body, media_type="application/json", headers=headers)
    sheet = site.pages.render("parts/export.css", {})
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    context: Document = found | {"digest": digest}
    return site.page(request, "pages/export.html", headers=headers, **context)


async def _everything(site: Site, request: Asking, execution: str) -> Document:
    asker, base = viewer(request), f"/api/executions/{execution}"
    run = await site.api.get(asker, base)
    then = await site.api.get(asker, f"{base}/timeline", {"limit": STEPS_MAX})
    choice = Choice(tab="graph")
    steps = list[Document](run["steps"])
    cursor = run["steps_next_cursor"]
    while cursor and len(steps) < STEPS_MAX:
        wish = {"cursor": cursor, "limit": 200}
        page = await site.api.get(asker, f"{base}/steps", wish)
        steps, cursor = steps + page["items"], page["next_cursor"]
    history, after = list[Document](), 0
    while after is not None and len(history) < LINES_MAX:
        page = await site.api.get(asker, f"{base}/history", {"after": after, "limit": 1_000})
        history, after = history + page["items"], page["next_cursor"]
    given = await site.api.get(asker, f"{base}/input")
    return {
        "run": run,
        "then": then,
        "steps": steps,
        "details": steps[:DETAILS_MAX],
        "history": history,
        "history_cut": after is not None,
        "input": given["input_data"],
        "picture": still(await reading.picture(site, asker, run, then, choice)),
        "timeline": still(reading.timeline(then, choice)),
        "exported_at": instant(site.clock.now_ms()),
    }


ROUTES = (export,)
