"""`/agents`: who does the work, how well, and what can be done with one."""

from collections.abc import Mapping
from typing import Any, Final

import anyio
from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.errors import NotFound, OrchestraError
from orchestra.security import Permission, requires

PAGE: Final = 24
STATUSES: Final = (
    "healthy", "degraded", "unhealthy", "stale", "offline", "misconfigured", "draining", "disabled"
)  # fmt: skip
VERBS: Final = ("check", "drain", "disable", "enable")
WINDOWS: Final = ("15m", "1h", "6h", "24h")
_READ: Final = [requires(Permission.AGENTS_READ)]

Document = dict[str, Any]


@get("/agents", guards=_READ)
async def agents(request: Asking, site: There) -> Answer:
    """The cards."""
    listed, parts = await _cards(request, site)
    return site.page(
        request, "pages/agents.html", listed=listed, parts=parts, statuses=STATUSES, live="agents"
    )


@get("/ui/agents/cards", guards=_READ)
async def cards(request: Asking, site: There) -> Answer:
    """The cards alone, for a page that was told that they are stale."""
    listed, parts = await _cards(request, site)
    return site.fragment(request, "parts/agent_cards.html", listed=listed, parts=parts)


async def _cards(request: Asking, site: Site) -> tuple[Filtered, dict[str, Document]]:
    asker = viewer(request)
    names = ("type", "status", "capability")
    listed = Filtered("/api/agents", names, request.query_params, {"limit": PAGE})
    found = await listed.ask(site, asker)
    parts: dict[str, Document] = {}
    async with anyio.create_task_group() as group:
        for agent in found.get("items", ()):
            group.start_soon(_look, site, asker, agent["id"], parts)
    return listed, parts


async def _look(
    site: Site, asker: Viewer, agent_id: str, into: dict[str, Document], window: str = "1h"
) -> None:
    """How an agent is; what cannot be had is None."""
    base = f"/api/agents/{agent_id}"
    into[agent_id] = {
        "health": await _or_none(site, asker, f"{base}/health", {}),
        "performance": await _or_none(site, asker, f"{base}/performance", {"window": window}),
    }


async def _or_none(
    site: Site, asker: Viewer, path: str, query: Mapping[str, object]
) -> Document | None:
    try:
        return await site.api.get(asker, path, query)
    except OrchestraError:
        return None


@get("/agents/{agent:str}", guards=_READ)
async def one(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """One of them."""
    asker = viewer(request)
    window = request.query_params.get("window", "1h")
    window = window if window in WINDOWS else "1h"
    shown = await site.api.get(asker, f"/api/agents/{agent}")
    parts: dict[str, Document] = {}
    await _look(site, asker, shown["id"], parts, window)
    events = await _or_none(site, asker, f"/api/agents/{shown['id']}/events", {"limit": 50})
    return site.page(
        request, "pages/agent.html", agent=shown, events=events, window=window, windows=WINDOWS,
        live="agents", **parts[shown["id"]],
    )  # fmt: skip


@post("/ui/agents/{agent:str}/{verb:str}", guards=[requires(Permission.AGENTS_OPERATE)])
async def operate(
    agent: FromPath[str], verb: FromPath[str], request: Asking, site: There
) -> Answer:
    """Check, drain, disable, enable."""
    await form(request)
    if verb not in VERBS:
        raise NotFound("there is no page at this address")
    await site.api.send(viewer(request), "POST", f"/api/agents/{agent}/{verb}")
    if not by_htmx(request):
        return gone_to(f"/agents/{agent}")
    return site.fragment(
        request, "parts/toast.html", status=200, kind="ok", title="Done", said=f"{verb}: accepted"
    )


ROUTES = (agents, cards, one, operate)
