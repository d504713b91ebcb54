"""`/webhooks`: endpoints and inbound hooks."""

from collections.abc import Mapping
from typing import Any, Final

import anyio
from litestar import get

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.security import Permission, requires

LIVE: Final = "webhooks"
_READ: Final = [requires(Permission.WEBHOOKS_READ)]

Document = dict[str, Any]


@get("/webhooks", guards=_READ)
async def webhooks(request: Asking, site: There) -> Answer:
    """Whom we tell, and who may tell us."""
    asker = viewer(request)
    page = await site.api.get(asker, "/api/webhooks", {"limit": 200})
    inbound = await site.api.get(asker, "/api/webhooks/inbound")
    return site.page(
        request, "pages/webhooks.html", webhooks=page["webhooks"], hooks=inbound["hooks"],
        figures=await figures(site, asker), live=LIVE,
    )  # fmt: skip


async def figures(site: Site, asker: Viewer) -> Mapping[str, Document]:
    """Share that arrived and p95 in 24 hours, by webhook; empty where nobody measures."""
    found: dict[str, Document] = {}
    raw: dict[str, Document | None] = {}

    async def ask(name: str, query: Document) -> None:
        more = {"from": "-24h", "step": "86400s", "limit": 100}
        raw[name] = await or_none(site, asker, "/api/metrics/query", query | more)

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "n", {
            "metric": "orchestra_webhook_deliveries_total", "agg": "increase",
            "by": "webhook,outcome",
        })  # fmt: skip
        group.start_soon(
            ask, "s", {"metric": "orchestra_webhook_seconds", "agg": "p95", "by": "webhook"}
        )
    for series in (raw["n"] or Document()).get("series", ()):
        labels: dict[str, str] = series["labels"]
        of = found.setdefault(labels.get("webhook", ""), {"n": 0.0, "well": 0.0, "p95": None})
        n = sum(value for value in series["values"] if value is not None)
        of["n"] += n
        of["well"] += n if labels.get("outcome") == "delivered" else 0
    for series in (raw["s"] or Document()).get("series", ()):
        of = found.setdefault(
            series["labels"].get("webhook", ""), {"n": 0.0, "well": 0.0, "p95": None}
        )
        known = [value for value in series["values"] if value is not None]
        of["p95"] = max(known) * 1_000 if known else None
    for of in found.values():
        of["share"] = of["well"] / of["n"] if of["n"] else None
    return found


ROUTES = (webhooks,)
