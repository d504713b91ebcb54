"""`/queues`: all queues, and where dead letters are."""

from collections.abc import Mapping
from typing import Any, Final

import anyio
from litestar import get

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.failures import pages as failures
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.security import Permission, requires

LIVE: Final = "queues"
PAGE: Final = 100
TABS: Final = ("queues", "dead")
IN: Final = ("sent", "redriven")
OUT: Final = ("acked", "dead")
RATE_S: Final = 300
_READ: Final = [requires(Permission.QUEUES_READ)]

Document = dict[str, Any]


@get("/queues", guards=_READ)
async def queues(request: Asking, site: There) -> Answer:
    """All queues; those with dead letters, and readers of events; or what failed anywhere."""
    if request.query_params.get("tab") == "failures":
        return await failures.page(request, site)
    asker, tab = viewer(request), request.query_params.get("tab", "queues")
    tab = tab if tab in TABS else "queues"
    listed = Filtered("/api/queues", (), request.query_params, {"limit": PAGE})
    await listed.ask(site, asker)
    found: Document = {}
    if tab == "dead":
        found["readers"] = await _readers(site, asker)
    return site.page(
        request, "pages/queues.html", tab=tab, listed=listed, rates=await rates(site, asker),
        live=LIVE, **found,
    )  # fmt: skip


async def rates(site: Site, asker: Viewer) -> Mapping[str, tuple[float, float]]:
    """Messages in and out a second, of the last five minutes, by queue; empty if unknown."""
    query = {
        "metric": "orchestra_messages_total", "agg": "increase", "by": "queue,outcome",
        "from": f"-{RATE_S}s", "limit": 100,
    }  # fmt: skip
    answer = await or_none(site, asker, "/api/metrics/query", query)
    found: dict[str, list[float]] = {}
    for series in (answer or Document()).get("series", ()):
        labels: dict[str, str] = series["labels"]
        of = found.setdefault(labels.get("queue", ""), [0.0, 0.0])
        n = sum(value for value in series["values"] if value is not None) / RATE_S
        of[0] += n if labels.get("outcome") in IN else 0
        of[1] += n if labels.get("outcome") in OUT else 0
    return {name: (of[0], of[1]) for name, of in found.items()}


async def _readers(site: Site, asker: Viewer) -> list[Document]:
    """Readers of events, and how many events each has given up."""
    if not asker.principal.may(Permission.EVENTS_READ):
        return []
    answer = await or_none(site, asker, "/api/events/readers", {})
    names: list[str] = (answer or Document()).get("readers", [])
    found: dict[str, Document] = {}

    async def look(name: str) -> None:
        path = f"/api/events/readers/{name}/dead"
        page = await or_none(site, asker, path, {"limit": PAGE})
        letters = (page or Document()).get("letters", ())
        more = bool((page or Document()).get("cursor"))
        found[name] = {"name": name, "dead": len(letters), "more": more}

    async with anyio.create_task_group() as group:
        for name in names[:50]:
            group.start_soon(look, name)
    return [found[name] for name in sorted(found)]


ROUTES = (queues,)
