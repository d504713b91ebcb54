"""`/executions`: the list with its filters."""

from typing import Final

from litestar import get

from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.security import Permission, requires

PAGE: Final = 50
STATES: Final = (
    "pending", "running", "paused", "rolling_back", "completed", "failed", "cancelled",
    "rolled_back",
)  # fmt: skip
FILTERS: Final = ("status", "workflow", "label", "q", "started_after", "started_before")
_READ: Final = [requires(Permission.EXECUTIONS_READ)]


@get("/executions", guards=_READ)
async def executions(request: Asking, site: There) -> Answer:
    """The list."""
    listed = await _listed(request, site)
    return site.page(
        request, "pages/executions.html", listed=listed, states=STATES, live="executions"
    )


@get("/ui/executions/rows", guards=_READ)
async def rows(request: Asking, site: There) -> Answer:
    """The rows of the list, for a page that was told that they are stale."""
    listed = await _listed(request, site)
    items = listed.document["items"]
    return site.fragment(request, "parts/execution_rows.html", items=items)


async def _listed(request: Asking, site: Site) -> Filtered:
    listed = Filtered("/api/executions", FILTERS, request.query_params, {"limit": PAGE})
    await listed.ask(site, viewer(request))
    return listed


ROUTES = (executions, rows)
