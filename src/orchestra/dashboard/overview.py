"""`/`: everything at a glance, and the first steps of who has nothing yet."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any, Final

import anyio
import msgspec
from litestar import Response, get, post

from orchestra.dashboard.alerts.naming import named
from orchestra.dashboard.asking import Api, Refused, Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

MESSAGES: Final = 12
WATCHED: Final = 5
"""Of so many that run it is said how far they are."""
DEMO: Final = "customer-support"
_READ: Final = [requires(Permission.EXECUTIONS_READ)]

Document = dict[str, Any]


class Seen(msgspec.Struct, frozen=True):
    """What the overview shows. `figures` is None where monitoring is off or away."""

    figures: Mapping[str, Any] | None
    problem: str
    recent: Sequence[Mapping[str, Any]]
    workflows: int
    agents: int
    quiet: bool
    """Nothing was ever run: the first steps are shown."""
    progress: Mapping[str, int]
    """How far those are that run, in percent."""


async def seen(api: Api, viewer: Viewer) -> Seen:
    """Ask everything together. What is late or refused is left out, and said."""
    found: dict[str, Document] = {}
    problem = ""

    async def ask(name: str, path: str, query: Mapping[str, object]) -> None:
        nonlocal problem
        try:
            found[name] = await api.get(viewer, path, query)
        except OrchestraError as error:
            if name == "figures":
                off = isinstance(error, Refused) and error.answer_status == 404
                problem = "monitoring is off here" if off else error.detail

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "figures", "/api/dashboard/overview", {"window": "24h"})
        group.start_soon(ask, "recent", "/api/executions", {"limit": 10})
        group.start_soon(ask, "workflows", "/api/workflows", {"limit": 1})
        group.start_soon(ask, "agents", "/api/agents", {"limit": 1})
    firing: Document = found.get("figures", {}).get("alerts") or {}
    await named(api, viewer, firing.get("items", []))
    recent = found.get("recent", {}).get("items", [])
    progress: dict[str, int] = {}

    async def far(id_: str) -> None:
        with suppress(OrchestraError):
            run = await api.get(viewer, f"/api/executions/{id_}")
            progress[id_] = run["progress"]["percent"]

    async with anyio.create_task_group() as group:
        for run in [one for one in recent if one["ended_at"] is None][:WATCHED]:
            group.start_soon(far, run["id"])
    return Seen(
        figures=found.get("figures"),
        problem=problem,
        recent=recent,
        workflows=len(found.get("workflows", {}).get("items", [])),
        agents=len(found.get("agents", {}).get("items", [])),
        quiet=not recent,
        progress=progress,
    )


@get("/", guards=_READ)
async def overview(request: Asking, site: There) -> Answer:
    """The page."""
    made = await seen(site.api, viewer(request))
    wall = request.query_params.get("wall") == "1"
    return site.page(request, "pages/overview.html", seen=made, live="overview", wall=wall)


@get("/ui/overview", guards=_READ)
async def figures(request: Asking, site: There) -> Answer:
    """What moves on it."""
    made = await seen(site.api, viewer(request))
    return site.fragment(request, "parts/overview.html", seen=made)


@post("/ui/demo", guards=[requires(Permission.EXECUTIONS_START)])
async def demo(request: Asking, site: There) -> Answer:
    """Save the shipped workflow unless it is there, and run it over the shipped messages."""
    await form(request)
    target = f"/executions?workflow={DEMO}"
    await _begin(site, viewer(request))
    if by_htmx(request):
        return Response(b"", status_code=200, headers={"HX-Location": target})
    return gone_to(target)


async def _begin(site: Site, asker: Viewer) -> None:
    definition = _shipped("customer-support.json")
    try:
        saved = await site.api.get(asker, f"/api/workflows/{DEMO}")
    except Refused as unknown:
        if unknown.answer_status != 404:
            raise
        saved = await site.api.send(
            asker, "POST", "/api/workflows", definition, idempotency_key="dashboard-demo"
        )
    path = f"/api/workflows/{saved['id']}/execute"
    messages: list[Document] = msgspec.json.decode(_shipped("customer_messages.json"))
    for message in messages[:MESSAGES]:
        await site.api.send(asker, "POST", path, {"input_data": message})


def _shipped(name: str) -> bytes:
    return (files("orchestra") / "demo" / name).read_bytes()


ROUTES = (overview, figures, demo)
