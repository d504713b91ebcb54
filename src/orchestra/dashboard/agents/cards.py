"""`/agents`: the cards, with filters."""

from typing import Any, Final

import anyio
from litestar import get

from orchestra.dashboard.agents.looks import LIVE, WINDOW, Look, looked, stands_of
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.security import Permission, requires

PAGE: Final = 24
STATUSES: Final = (
    "waiting", "healthy", "degraded", "unhealthy", "stale", "offline", "misconfigured", "draining",
    "disabled",
)  # fmt: skip
FILTERS: Final = ("q", "type", "status", "capability")
_READ: Final = [requires(Permission.AGENTS_READ)]

Document = dict[str, Any]


@get("/agents", guards=_READ)
async def agents(request: Asking, site: There) -> Answer:
    """The cards."""
    shown = await _cards(request, site)
    types = await site.api.get(viewer(request), "/api/agents/types")
    return site.page(
        request, "pages/agents.html", types=types["items"], statuses=STATUSES, live=LIVE, **shown
    )


@get("/ui/agents/cards", guards=_READ)
async def cards(request: Asking, site: There) -> Answer:
    """The cards alone, for a page that was told that they are stale."""
    return site.fragment(request, "parts/agent_cards.html", **await _cards(request, site))


async def _cards(request: Asking, site: Site) -> Document:
    asker = viewer(request)
    listed = Filtered("/api/agents", FILTERS, request.query_params, {"limit": PAGE})
    found = (await listed.ask(site, asker)).get("items", ())
    parts: dict[str, Look] = {}
    stands: dict[str, Document] = {}
    async with anyio.create_task_group() as group:
        for agent in found:
            group.start_soon(looked, site, asker, agent, WINDOW, parts)
        for kind in {str(agent["agent_type"]) for agent in found}:
            group.start_soon(stands_of, site, asker, kind, stands)
    return {"listed": listed, "parts": parts, "stands": stands}


ROUTES = (agents, cards)
