"""`/logs`: what all processes logged."""

from collections.abc import Sequence
from typing import Any, Final

from litestar import get

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.charts import Columns, columns
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.wording import count, day
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

LINES: Final = 100
LEVELS: Final = ("debug", "info", "warning", "error")
_LOGS: Final = [requires(Permission.LOGS_READ)]

Document = dict[str, Any]


@get("/logs", guards=_LOGS)
async def logs(request: Asking, site: There) -> Answer:
    """Lines that match, the newest first."""
    asker = viewer(request)
    listed = Filtered(
        "/api/logs/search", ("q", "from", "to"), request.query_params, {"limit": LINES}
    )
    await listed.ask(site, asker)
    histogram = await _histogram(site, asker, listed)
    return site.page(
        request, "pages/logs.html", listed=listed, histogram=histogram, levels=LEVELS, live="logs"
    )


async def _histogram(site: Site, asker: Viewer, listed: Filtered) -> object:
    kept = {name: value for name, value in listed.query.items() if name not in listed.wrong}
    try:
        answer = await site.api.get(asker, "/api/logs/histogram", {**kept, "buckets": 60})
    except OrchestraError:
        return ""
    buckets: Sequence[Document] = answer["buckets"]
    values = [float(sum(one[level] for level in LEVELS)) for one in buckets]
    told = f"{count(sum(values))} lines, in {len(values)} parts of the time that is shown"
    return columns(Columns(values, day(answer["from"])[5:16], day(answer["to"])[5:16], told))


ROUTES = (logs,)
