"""`/alerts`: what fires, what was said, the rules, silences and contacts; and who sees to it."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.alerts.naming import named
from orchestra.dashboard.answers import Question, asked
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, onwards, viewer
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

PAGE: Final = 50
TABS: Final = {
    "now": ("/api/alerts", ("state", "severity", "rule")),
    "history": ("/api/alerts/history", ()),
    "rules": ("/api/alerts/rules", ()),
    "silences": ("/api/alerts/silences", ()),
    "contacts": ("/api/alerts/contacts", ()),
}
WHOLE: Final = ("silences", "contacts")
"""These are few, and come all at once."""
_READ: Final = [requires(Permission.ALERTS_READ)]
_ANSWER: Final = [requires(Permission.ALERTS_ACKNOWLEDGE)]
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]

Document = dict[str, Any]


@get("/alerts", guards=_READ)
async def alerts(request: Asking, site: There) -> Answer:
    """The page."""
    return site.page(request, "pages/alerts.html", live="alerts", **await _listed(request, site))


@get("/ui/alerts", guards=_READ)
async def fresh(request: Asking, site: There) -> Answer:
    """What stands below the tabs, for a page that was told that it is stale."""
    return site.fragment(request, "parts/alerts.html", **await _listed(request, site))


async def _listed(request: Asking, site: Site) -> Document:
    asker, tab = viewer(request), request.query_params.get("tab", "now")
    tab = tab if tab in TABS else "now"
    path, names = TABS[tab]
    fixed: Document = {} if tab in WHOLE else {"limit": 200 if tab == "rules" else PAGE}
    given = dict(request.query_params)
    hushed = tab == "now" and given.get("state") == "silenced"
    if hushed:  # not a state of an alert: a silence keeps it quiet
        given["state"], fixed["limit"] = "", 200
    listed = Filtered(path, names, given, fixed)
    await listed.ask(site, asker)
    if hushed:
        kept = [one for one in listed.document["alerts"] if one["silenced_by"]]
        listed.document = {**listed.document, "alerts": kept}
        listed.query["state"] = "silenced"
    if tab in ("now", "history"):
        said = listed.document["alerts" if tab == "now" else "items"]
        await named(site.api, asker, said)
    context: Document = {"tab": tab, "listed": listed, "armed": 0, "firing": {}}
    if tab == "now" and not listed.document["alerts"]:
        rules = await site.api.get(asker, "/api/alerts/rules", {"limit": 200})
        context["armed"] = sum(one["enabled"] for one in rules["rules"])
    if tab == "rules":
        open_ = await site.api.get(asker, "/api/alerts", {"state": "firing", "limit": 200})
        for one in open_["alerts"]:
            context["firing"][one["rule_id"]] = context["firing"].get(one["rule_id"], 0) + 1
    return context


@post("/ui/alerts/{alert:str}/acknowledge", guards=_ANSWER)
async def acknowledge(alert: FromPath[str], request: Asking, site: There) -> Answer:
    """Somebody sees to it; or does not any more, when the form says `undo`."""
    given = await form(request)
    verb = "DELETE" if given.get("undo") else "POST"
    await site.api.send(viewer(request), verb, f"/api/alerts/{alert}/acknowledge")
    back = given.get("back", "")
    return gone_to(f"/alerts/{alert}" if back == "one" else "/alerts")


REMOVED: Final[Mapping[str, tuple[str, str, str]]] = {
    "rules": ("Delete the rule", "Its alerts that fire are over at once, and nobody judges what it "
              "watched any more. Its history stays.", "this rule"),
    "silences": ("End the silence", "What still fires is said to those who are told, now.",
                 "this silence"),
    "contacts": ("Delete the contact", "What waits for it is not sent. Rules that name only this "
                 "contact tell the default contact.", "this contact"),
}  # fmt: skip


@get("/alerts/remove/{kind:str}/{thing:str}", guards=_WRITE)
async def ask(kind: FromPath[str], thing: FromPath[str], request: Asking, site: There) -> Answer:
    """What will happen, before it does: a page, or a dialog."""
    if kind not in REMOVED:
        raise NotFound("there is no page at this address")
    document = await site.api.get(viewer(request), f"/api/alerts/{kind}/{thing}")
    verb, told, what = REMOVED[kind]
    name = str(document.get("name") or document.get("comment", ""))
    title = f"{verb.split()[0]} {what}?"
    action, back = f"/ui/alerts/remove/{kind}/{thing}", f"/alerts?tab={kind}"
    return asked(request, site, Question(title, (name, told), action, verb, back))


@post("/ui/alerts/remove/{kind:str}/{thing:str}", guards=_WRITE)
async def remove(kind: FromPath[str], thing: FromPath[str], request: Asking, site: There) -> Answer:
    """It is gone."""
    await form(request)
    if kind not in REMOVED:
        raise NotFound("there is no page at this address")
    await site.api.send(viewer(request), "DELETE", f"/api/alerts/{kind}/{thing}")
    return onwards(request, f"/alerts?tab={kind}")


ROUTES = (alerts, fresh, acknowledge, ask, remove)
