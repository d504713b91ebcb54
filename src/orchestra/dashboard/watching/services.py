"""How the services are and were, what the store promises, and which processes there are."""

from typing import Any, Final

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.site import Site
from orchestra.dashboard.watching.charts import strip
from orchestra.dashboard.wording import percent
from orchestra.errors import OrchestraError

DEPENDENCIES: Final = {
    "store": "state, queues and events; all others need it",
    "agents": "who does the work; needs the store",
    "workflows": "what is done in which order; needs the store and agents",
    "communication": "events, queues, webhooks; needs the store",
    "monitoring": "figures, alerts, the log; needs the store",
}

Document = dict[str, Any]


async def services(site: Site, asker: Viewer) -> Document:
    """What the tab shows; what cannot be had is None, and told."""
    found: Document = {"health": None, "ready": None, "problem": ""}
    try:
        health = await site.api.get(asker, "/api/dashboard/health")
        found["health"] = {**health, "services": [_shown(one) for one in health["services"]]}
        found["ready"] = await site.api.get(asker, "/readyz")
    except OrchestraError as error:
        found["problem"] = error.detail
    return found


def _shown(service: Document) -> Document:
    uptime: Document = service["uptime"] or {}
    days: list[float | None] = uptime.get("days") or []
    watched = sum(day is not None for day in days)
    told = (
        f"{service['name']}: {percent(uptime.get('share'))} of 90 days, {watched} of them watched"
    )
    drawn = strip(days, told) if days else None
    return {**service, "strip": drawn, "does": DEPENDENCIES.get(service["name"], "")}
