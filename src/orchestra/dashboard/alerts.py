"""`/alerts`: what fires, what was said, and the rules that judge."""

from typing import Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.security import Permission, requires

PAGE: Final = 50
TABS: Final = {
    "now": ("/api/alerts", ("state", "severity")),
    "history": ("/api/alerts/history", ()),
    "rules": ("/api/alerts/rules", ()),
    "silences": ("/api/alerts/silences", ()),
}
_READ: Final = [requires(Permission.ALERTS_READ)]
_ANSWER: Final = [requires(Permission.ALERTS_ACKNOWLEDGE)]


@get("/alerts", guards=_READ)
async def alerts(request: Asking, site: There) -> Answer:
    """The page."""
    tab, listed = await _listed(request, site)
    return site.page(request, "pages/alerts.html", tab=tab, listed=listed, live="alerts")


@get("/ui/alerts", guards=_READ)
async def fresh(request: Asking, site: There) -> Answer:
    """What stands below the tabs, for a page that was told that it is stale."""
    tab, listed = await _listed(request, site)
    return site.fragment(request, "parts/alerts.html", tab=tab, listed=listed)


async def _listed(request: Asking, site: Site) -> tuple[str, Filtered]:
    tab = request.query_params.get("tab", "now")
    tab = tab if tab in TABS else "now"
    path, names = TABS[tab]
    # Silences are few, and come all at once.
    fixed = {} if tab == "silences" else {"limit": PAGE}
    listed = Filtered(path, names, request.query_params, fixed)
    await listed.ask(site, viewer(request))
    return tab, listed


@post("/ui/alerts/{alert:str}/acknowledge", guards=_ANSWER)
async def acknowledge(alert: FromPath[str], request: Asking, site: There) -> Answer:
    """Somebody sees to it."""
    await form(request)
    await site.api.send(viewer(request), "POST", f"/api/alerts/{alert}/acknowledge")
    return gone_to("/alerts")


ROUTES = (alerts, fresh, acknowledge)
