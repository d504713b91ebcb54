"""`/insights` and `/insights/{workflow}`."""

from collections.abc import Mapping
from typing import Any, Final

import anyio
from litestar import get
from litestar.params import FromPath

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.insights.of_workflow import WINDOWS, insights_of, window_of
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

BY: Final = (("workflow", "workflow"), ("agent", "agent"), ("model", "model"), ("day", "day"))
RANKS: Final = (
    ("tasks", "tasks"), ("success_rate", "failures"), ("p95_ms", "p95"), ("tokens", "tokens"),
    ("cost_usd", "cost"), ("cost_usd_per_success", "cost of a success"), ("retries", "retries"),
    ("uptime", "time away"),
)  # fmt: skip
OF: Final = (("duration", "duration"), ("executions", "executions"), ("failures", "failures"),
             ("cost", "cost"), ("tokens", "tokens"))  # fmt: skip
AGENTS_MAX: Final = 30
_READ: Final = [requires(Permission.METRICS_READ)]

Document = dict[str, Any]


@get("/insights", guards=_READ)
async def insights(request: Asking, site: There) -> Answer:
    """Of all workflows and agents."""
    given, asker = request.query_params, viewer(request)
    by_known = (*BY, ("tenant", "tenant")) if asker.principal.role == "platform_admin" else BY
    window = window_of(given)
    chosen = {
        "window": window, "by": _one_of(given.get("by", ""), by_known),
        "rank": _one_of(given.get("rank", ""), RANKS), "of": _one_of(given.get("of", ""), OF),
    }  # fmt: skip
    longer = "30d" if window == "24h" else window  # a trend needs days
    asked: Mapping[str, Document] = {
        "insights": {"window": window}, "costs": {"window": window, "by": chosen["by"]},
        "agents": {"window": window, "rank": chosen["rank"], "limit": AGENTS_MAX},
        "trends": {"window": longer, "of": chosen["of"]},
        "anomalies": {"window": "7d" if window == "24h" else window, "of": chosen["of"]},
    }  # fmt: skip
    found: dict[str, Document] = {}
    async with anyio.create_task_group() as group:
        for name, query in asked.items():
            group.start_soon(_ask, site, asker, name, query, found)
    return site.page(
        request, "pages/insights.html", found=found, chosen=chosen, windows=WINDOWS, by=by_known,
        ranks=RANKS, of=OF, live="",
    )  # fmt: skip


async def _ask(
    site: Site, asker: Viewer, name: str, query: Document, into: dict[str, Document]
) -> None:
    try:
        into[name] = await site.api.get(asker, f"/api/analytics/{name}", query)
    except OrchestraError as error:
        into[name] = {"problem": {"title": error.title, "detail": error.detail}}


def _one_of(text: str, known: tuple[tuple[str, str], ...]) -> str:
    return text if text in dict(known) else known[0][0]


@get("/insights/{workflow:str}", guards=_READ)
async def of_one(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Of one workflow."""
    asker = viewer(request)
    found = await insights_of(site, asker, workflow, dict(request.query_params))
    return site.page(request, "pages/insights_one.html", insights=found)


ROUTES = (insights, of_one)
