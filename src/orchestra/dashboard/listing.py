"""`/executions`: the list with its filters."""

from typing import Final

from litestar import get

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

PAGE: Final = 50
COUNTED_MAX: Final = 10_000
STATES: Final = (
    "pending", "running", "paused", "rolling_back", "completed", "failed", "cancelled",
    "rolled_back",
)  # fmt: skip
FILTERS: Final = (
    "status", "workflow", "version", "label", "agent", "error", "longer_than", "shorter_than",
    "started_after", "started_before", "q",
)  # fmt: skip
FURTHER: Final = FILTERS[2:3] + FILTERS[4:10]
"""Those behind "More filters"."""
_READ: Final = [requires(Permission.EXECUTIONS_READ)]


@get("/executions", guards=_READ)
async def executions(request: Asking, site: There) -> Answer:
    """The list."""
    listed, asker = _listed(request), viewer(request)
    await listed.ask(site, asker)
    total = None if listed.chips else await _total(site, asker)
    return site.page(
        request, "pages/executions.html", listed=listed, states=STATES, live="executions",
        further=FURTHER, total=total, counted_max=COUNTED_MAX,
    )  # fmt: skip


@get("/ui/executions/rows", guards=_READ)
async def rows(request: Asking, site: There) -> Answer:
    """The rows of the list, for a page that was told that they are stale."""
    listed = _listed(request)
    await listed.ask(site, viewer(request))
    items = listed.document["items"]
    return site.fragment(request, "parts/execution_rows.html", items=items)


def given(request: Asking) -> dict[str, str]:
    """The query; of states that were ticked one by one, all with commas between."""
    query = request.query_params
    states = ",".join(one for one in query.getall("status", []) if one)
    return {name: query.get(name, "") for name in (*FILTERS, "order", "cursor")} | {
        "status": states
    }


def _listed(request: Asking) -> Filtered:
    asked = given(request)
    listed = Filtered("/api/executions", FILTERS, asked, {"limit": PAGE})
    listed.order = "oldest" if asked["order"] == "oldest" else ""
    return listed


async def _total(site: Site, asker: Viewer) -> int | None:
    """How many there are; nobody is refused the list for want of it."""
    try:
        found = await site.api.get(asker, "/api/executions/count")
    except OrchestraError:
        return None
    return int(found["executions"])


ROUTES = (executions, rows)
