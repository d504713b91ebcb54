"""`/alerts/rules`: a rule is written, tried on what was, changed, switched off, deleted."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.alerts.rule_form import FIELDS, KINDS, body_of, empty, shown
from orchestra.dashboard.alerts.trying import SPANS, tried
from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import Wrong, errors_of, form
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.errors import NotFound, OrchestraError
from orchestra.security import Permission, requires

RULES: Final = "/api/alerts/rules"
AGGS: Final = (
    "rate", "increase", "sum", "ratio", "last", "avg", "min", "max", "count", "p50", "p75", "p90",
    "p95", "p99", "p99.9",
)  # fmt: skip
_READ: Final = [requires(Permission.ALERTS_READ)]
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]

Document = dict[str, Any]


@get("/alerts/rules/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form of a new rule; an address may fill it in."""
    given = [(name, str(value)) for name, value in request.query_params.multi_items()]
    context = await _context(site, viewer(request), empty(given))
    return site.page(request, "pages/rule.html", **context)


@get("/alerts/rules/{rule:str}", guards=_READ)
async def one(rule: FromPath[str], request: Asking, site: There) -> Answer:
    """A rule that is there, to be read or changed."""
    asker = viewer(request)
    document = await site.api.get(asker, f"{RULES}/{rule}")
    context = await _context(site, asker, shown(document), document)
    found = await site.api.get(asker, "/api/alerts", {"rule": rule, "limit": 20})
    context["alerts"] = found["alerts"]
    return site.page(request, "pages/rule.html", **context)


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
    given, asker = await form(request), viewer(request)
    before = await _before(site, asker, given)
    values, span = _values(given, before), given.get("span", "24h")
    try:
        result = await tried(site, asker, body_of(values, before), span)
    except Refused as refused:
        wrong = errors_of(refused, FIELDS)
        context = await _context(site, asker, values, before, wrong)
        context["span"] = span
        return site.page(request, "pages/rule.html", status=422, **context)
    context = await _context(site, asker, values, before)
    context |= {"tried": result, "span": span}
    return site.page(request, "pages/rule.html", **context)


@post("/ui/alerts/rules/save", guards=_WRITE)
async def save(request: Asking, site: There) -> Answer:
    """Keep it: on to the rule, or the form again with what is wrong."""
    given, asker = await form(request), viewer(request)
    before = await _before(site, asker, given)
    values = _values(given, before)
    body = body_of(values, before)
    try:
        if before is None:
            key = given.get("key") or site.ids.new("new")
            made = await site.api.send(asker, "POST", RULES, body, idempotency_key=key)
        else:
            seen = f'"{given.get("revision", "")}"'
            made = await site.api.send(asker, "PUT", f"{RULES}/{before['id']}", body, if_match=seen)
    except Refused as refused:
        wrong = errors_of(refused, FIELDS)
        context = await _context(site, asker, values, before, wrong)
        return site.page(request, "pages/rule.html", status=422, **context)
    return gone_to(f"/alerts/rules/{made['id']}?saved=yes")


@post("/ui/alerts/rules/{rule:str}/{verb:str}", guards=_WRITE)
async def switch(rule: FromPath[str], verb: FromPath[str], request: Asking, site: There) -> Answer:
    """Switch it on or off."""
    await form(request)
    if verb not in ("enable", "disable"):
        raise NotFound("there is no page at this address")
    asker = viewer(request)
    before = await site.api.get(asker, f"{RULES}/{rule}")
    body = body_of(shown(before), before) | {"enabled": verb == "enable"}
    seen = f'"{before["revision"]}"'
    await site.api.send(asker, "PUT", f"{RULES}/{rule}", body, if_match=seen)
    return gone_to(f"/alerts?tab=rules#{rule}")


async def _before(site: Site, asker: Viewer, given: dict[str, str]) -> Document | None:
    rule = given.get("id", "")
    return await site.api.get(asker, f"{RULES}/{rule}") if rule else None


def _values(given: dict[str, str], before: Document | None) -> dict[str, str]:
    """What was typed. What a built-in rule keeps is not in the form."""
    values = {name: given.get(name, "") for name in FIELDS}
    chosen = [name.removeprefix("tell:") for name in given if name.startswith("tell:")]
    values["notify"] = ", ".join(chosen)
    if before is not None and before["built_in"]:
        kept = shown(before)
        values |= {name: kept[name] for name in FIELDS if name not in given and name != "notify"}
        values["enabled"] = given.get("enabled", "")
    return values


async def _context(
    site: Site, asker: Viewer, values: dict[str, str], rule: Document | None = None,
    wrong: Wrong | None = None,
) -> Document:  # fmt: skip
    """Everything the page shows."""
    contacts = (await site.api.get(asker, "/api/alerts/contacts"))["contacts"]
    names = [one["name"] for one in contacts]
    chosen = [one.strip() for one in values["notify"].split(",") if one.strip()]
    by_id = {one["id"]: one["name"] for one in contacts}
    chosen = [by_id.get(one, one) for one in chosen]
    return {
        "values": values, "rule": rule, "wrong": wrong or errors_of(None, FIELDS),
        "contacts": [*names, *(one for one in chosen if one not in names)], "chosen": chosen,
        "metrics": [one["name"] for one in (await _metrics(site, asker))], "kinds": KINDS,
        "aggs": AGGS, "spans": [(one, f"the last {one}") for one in SPANS], "span": "24h",
        "tried": None, "alerts": [], "about": await _about(site, asker, values["metric"]),
        "key": site.ids.new("new"),
    }  # fmt: skip


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
