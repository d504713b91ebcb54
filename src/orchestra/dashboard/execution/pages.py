"""`/executions/{id}`: one execution as it runs, or as it was."""

import re
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from orchestra.dashboard.execution import reading, values
from orchestra.dashboard.execution.choosing import chosen
from orchestra.dashboard.execution.panel import following, panel
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

PARTS: Final = ("input_data", "output")
_READ: Final = [requires(Permission.EXECUTIONS_READ)]
_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")

Document = dict[str, Any]


@get("/executions/{execution:str}", guards=_READ)
async def one(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """One execution. Of the past nothing is told live."""
    choice = chosen(dict(request.query_params))
    context = await reading.shown(site, viewer(request), execution, choice)
    live = "" if choice.past else f"execution:{context['run']['id']}"
    return site.page(request, "pages/execution.html", live=live, **context)


@get("/ui/executions/{execution:str}/main", guards=_READ)
async def main(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """What stands below the head, but for the chosen step, made anew."""
    asker, choice = viewer(request), chosen(dict(request.query_params))
    run = await site.api.get(asker, f"/api/executions/{execution}")
    context = await reading.left(site, asker, run, choice)
    return site.fragment(request, "parts/execution_main.html", **context)


@get("/ui/executions/{execution:str}/panel", guards=_READ)
async def side(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """The chosen step."""
    asker, choice = viewer(request), chosen(dict(request.query_params))
    run = await site.api.get(asker, f"/api/executions/{execution}")
    choice = following(run, choice)
    found = await panel(site, asker, run, choice)
    headers = {"HX-Push-Url": f"/executions/{execution}{choice.href()}"}
    told = {} if request.query_params.get("again") else headers
    return site.fragment(
        request, "parts/execution_step.html", headers=told, run=run, choice=choice, panel=found,
        unknown_step=bool(choice.step) and found is None,
    )  # fmt: skip


@get("/ui/executions/{execution:str}/value", guards=_READ)
async def value(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """A part of a value, from a child on: what was shut in the tree."""
    found, pointer = await _value(execution, request, site)
    start = request.query_params.get("from", "0")
    start_at = int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0
    query = {name: request.query_params.get(name, "") for name in ("step", "part")}
    return site.fragment(
        request, "parts/value.html", node=values.tree(found, pointer, start_at),
        base=f"/executions/{execution}/value", asked=query, partial=start_at > 0,
    )  # fmt: skip


@get("/executions/{execution:str}/value", guards=_READ)
async def download(execution: FromPath[str], request: Asking, site: There) -> Answer:
    """A value as a file."""
    found, pointer = await _value(execution, request, site)
    name = _NAME.sub("-", f"{execution}-{request.query_params.get('step', '')}{pointer}")[:120]
    headers = {"content-disposition": f'attachment; filename="{name}.json"'}
    body = msgspec.json.format(msgspec.json.encode(found), indent=2)
    return Response(body, media_type="application/json", headers=headers)


async def _value(execution: str, request: Asking, site: Site) -> tuple[object, str]:
    """What the address names: input or output of a step, or of the whole, and what in it."""
    query = request.query_params
    step, part, pointer = query.get("step", ""), query.get("part", ""), query.get("pointer", "")
    if part not in PARTS or len(pointer) > 4_000:
        raise NotFound("there is no value at this address")
    base, asker = f"/api/executions/{execution}", viewer(request)
    if step:
        whole = (await site.api.get(asker, f"{base}/steps/{step}"))[part]
    elif part == "input_data":
        whole = (await site.api.get(asker, f"{base}/input"))[part]
    else:
        run = await site.api.get(asker, base)
        whole = await reading.output_of(site, asker, run)
    try:
        return values.at(whole, pointer), pointer
    except LookupError:
        raise NotFound("there is nothing at this place of the value") from None


ROUTES = (one, main, side, value, download)
