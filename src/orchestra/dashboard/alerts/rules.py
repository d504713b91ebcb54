"""`/alerts/rules`: a rule is written, tried on what was, changed, switched off, deleted."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.alerts.rule_form import body_of, groups, members_of, prefilled, shown
from orchestra.dashboard.alerts.trying import SPANS, tried
from orchestra.dashboard.answers import form_page, key_of, meanwhile, seen_by, submitted
from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import chosen, form
from orchestra.dashboard.sheets import Group, Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.errors import NotFound, OrchestraError
from orchestra.security import Permission, requires

RULES: Final = "/api/alerts/rules"
_READ: Final = [requires(Permission.ALERTS_READ)]
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]

Document = dict[str, Any]
_Sent = tuple[dict[str, str], Sheet, Document | None, list[Document]]


@get("/alerts/rules/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form of a new rule; an address may fill it in."""
    given = [(name, str(value)) for name, value in request.query_params.multi_items()]
    known, _ = await _form(site, viewer(request), None)
    return await _page(request, site, fresh(known, prefilled(given)))


@get("/alerts/rules/{rule:str}", guards=_READ)
async def one(rule: FromPath[str], request: Asking, site: There) -> Answer:
    """A rule that is there, to be read or changed."""
    asker = viewer(request)
    document = await site.api.get(asker, f"{RULES}/{rule}")
    known, contacts = await _form(site, asker, document)
    return await _page(request, site, filled(known, shown(document, contacts)), document)


@get("/ui/alerts/metric", guards=_READ)
async def metric(request: Asking, site: There) -> Answer:
    """What is known of a metric, beside its field."""
    return site.fragment(
        request, "parts/metric_hint.html",
        about=await _about(site, viewer(request), request.query_params.get("metric", "")),
    )  # fmt: skip


@post("/ui/alerts/rules/try", guards=_READ)
async def attempt(request: Asking, site: There) -> Answer:
    """The form again, with what the rule would have said."""
    given, sheet, before, _ = await _sent(request, site)
    span, result = given.get("span", "24h"), None
    try:
        result = await tried(site, viewer(request), body_of(sheet, before), span)
    except Refused as refused:
        sheet.refuse(refused)
    return await _page(request, site, sheet, before, tried=result, span=span)


@post("/ui/alerts/rules/save", guards=_WRITE)
async def save(request: Asking, site: There) -> Answer:
    """Keep it: on to the rule, or the form again with what is wrong."""
    given, sheet, before, contacts = await _sent(request, site)
    body = body_of(sheet, before)
    if before is None:
        key = key_of(given, site)
        made = await submitted(request, site, sheet, f"POST {RULES}", body, idempotency_key=key)
    else:
        to, seen = f"PUT {RULES}/{before['id']}", seen_by(given)
        made = await submitted(request, site, sheet, to, body, if_match=seen)
    if made is None and before is not None:
        to = f"{RULES}/{before['id']}"

        def as_written(rule: Document) -> Document:
            return shown(rule, contacts)

        before = await meanwhile(request, site, sheet, to, before, as_written)
    if made is None:
        return await _page(request, site, sheet, before)
    return gone_to(f"/alerts/rules/{made['id']}?saved=yes")


@post("/ui/alerts/rules/{rule:str}/{verb:str}", guards=_WRITE)
async def switch(rule: FromPath[str], verb: FromPath[str], request: Asking, site: There) -> Answer:
    """Switch it on or off."""
    await form(request)
    if verb not in ("enable", "disable"):
        raise NotFound("there is no page at this address")
    asker = viewer(request)
    before = await site.api.get(asker, f"{RULES}/{rule}")
    body = members_of(before) | {"enabled": verb == "enable"}
    seen = f'"{before["revision"]}"'
    await site.api.send(asker, "PUT", f"{RULES}/{rule}", body, if_match=seen)
    return gone_to(f"/alerts?tab=rules#{rule}")


async def _sent(request: Asking, site: Site) -> _Sent:
    """The fields, the form they are of, the rule that is changed, and whom it may tell."""
    given, asker = await form(request), viewer(request)
    rule = given.get("id", "")
    before = await site.api.get(asker, f"{RULES}/{rule}") if rule else None
    known, contacts = await _form(site, asker, before)
    notify = "\n".join(await chosen(request, "notify"))
    return given, typed(known, given | {"notify": notify}), before, contacts


async def _form(
    site: Site, asker: Viewer, rule: Document | None
) -> tuple[list[Group], list[Document]]:
    """The fields, and the contacts that may be told."""
    contacts: list[Document] = (await site.api.get(asker, "/api/alerts/contacts"))["contacts"]
    metrics = [str(one["name"]) for one in await _metrics(site, asker)]
    names = [str(one["name"]) for one in contacts]
    fixed = rule if rule is not None and rule["built_in"] else None
    return groups(metrics, names, fixed), contacts


async def _page(
    request: Asking, site: Site, sheet: Sheet, rule: Document | None = None,
    tried: Document | None = None, span: str = "24h",
) -> Answer:  # fmt: skip
    """Everything the page shows."""
    asker, alerts = viewer(request), list[Document]()
    if rule is not None:
        found = await site.api.get(asker, "/api/alerts", {"rule": rule["id"], "limit": 20})
        alerts = found["alerts"]
    return form_page(
        request, site, "pages/rule.html", sheet, rule=rule, alerts=alerts, tried=tried, span=span,
        spans=[(one, f"the last {one}") for one in SPANS],
        about=await _about(site, asker, sheet.values.get("metric", "")),
    )  # fmt: skip


async def _metrics(site: Site, asker: Viewer) -> list[Document]:
    try:
        found: list[Document] = (await site.api.get(asker, "/api/metrics"))["metrics"]
    except OrchestraError:  # suggestions only
        return []
    return found


async def _about(site: Site, asker: Viewer, name: str) -> Document | None:
    if not name or len(name) > 128 or "/" in name:
        return None
    try:
        return await site.api.get(asker, f"/api/metrics/{name}")
    except OrchestraError:
        return None


ROUTES = (new, one, metric, attempt, save, switch)
