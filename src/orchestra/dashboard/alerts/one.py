"""`/alerts/{id}`: one alert with its figures, what was said of it, and where to look."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from litestar import get
from litestar.params import FromPath

from orchestra.dashboard.alerts.naming import named
from orchestra.dashboard.alerts.trying import pictured
from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.watching.ranges import DAY_S, HOUR_S
from orchestra.dashboard.wording import at_ms
from orchestra.security import Permission, requires

LOOKED_THROUGH: Final = 400
PAGE: Final = 200
LEADS: Final[Mapping[str, tuple[str, str]]] = {
    "workflow": ("/executions?{}", "its failed executions"),
    "agent": ("/agents?{}", "the agent"),
    "agent_type": ("/agents?{}", "agents of this type"),
    "queue": ("/queues/{}", "the queue"),
    "webhook": ("/webhooks/{}", "the webhook"),
    "service": ("/monitoring?tab=services{}", "the services"),
}  # fmt: skip
_READ: Final = [requires(Permission.ALERTS_READ)]

Document = dict[str, Any]


@get("/alerts/{alert:str}", guards=_READ)
async def one(alert: FromPath[str], request: Asking, site: There) -> Answer:
    """The page."""
    asker = viewer(request)
    found = await site.api.get(asker, f"/api/alerts/{alert}")
    rule = await _rule(site, asker, found["rule_id"])
    history = await _history(site, asker, alert)
    await named(site.api, asker, [found, *history])
    drawn = await _drawn(site, asker, found, rule, history) if rule else None
    return site.page(
        request, "pages/alert.html", alert=found, rule=rule, history=history, chart=drawn,
        leads=leads_of(found["labels"]), hush=_hush(found), live="alerts",
    )  # fmt: skip


async def _rule(site: Site, asker: Viewer, rule: str) -> Document | None:
    """None when it was deleted."""
    try:
        return await site.api.get(asker, f"/api/alerts/rules/{quote(rule, safe='')}")
    except Refused as refused:
        if refused.answer_status != 404:
            raise
        return None


async def _history(site: Site, asker: Viewer, alert: str) -> list[Document]:
    """What was said of it, among the last of all that was said."""
    found: list[Document] = []
    cursor: str | None = None
    for _ in range(LOOKED_THROUGH // PAGE):
        query = {"limit": PAGE, "cursor": cursor}
        page = await site.api.get(asker, "/api/alerts/history", query)
        found += [said for said in page["items"] if said["alert_id"] == alert]
        cursor = page["cursor"]
        if not cursor:
            break
    return found[:50]


async def _drawn(
    site: Site, asker: Viewer, alert: Document, rule: Document, history: list[Document]
) -> object:
    """Its figures since a while before it began, with each time that it fired."""
    where = dict(rule.get("where") or {})
    where |= {
        name: alert["labels"][name] for name in rule.get("by") or () if name in alert["labels"]
    }
    since_s = (site.clock.now_ms() - at_ms(alert["since"])) / 1_000
    length_s = next((one for one in (HOUR_S, 6 * HOUR_S, DAY_S, 7 * DAY_S) if one > since_s * 1.5),
                    30 * DAY_S)  # fmt: skip
    narrowed = {**rule, "where": where}
    return await pictured(site, asker, narrowed, episodes_of(alert, history), length_s)


def episodes_of(alert: Document, history: list[Document]) -> list[Document]:
    """When it fired, and until when, from what was said. Pure."""
    found: list[Document] = []
    ended: str | None = None
    for said in history:  # the newest first
        if said["type"] == "alert.resolved":
            ended = said["at"]
        elif said["type"] == "alert.fired":
            found.append({"fired_at": said["at"], "resolved_at": ended})
            ended = None
    if not found and alert["fired_at"]:
        found.append({"fired_at": alert["fired_at"], "resolved_at": ended})
    return found


def leads_of(labels: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Where what it is about can be looked at: address, words, value. Pure."""
    found: list[tuple[str, str, str]] = []
    for name, value in labels.items():
        if name not in LEADS:
            continue
        path, words = LEADS[name]
        if name == "workflow":
            href = path.format(urlencode({"workflow": value, "status": "failed"}))
        elif name in ("agent", "agent_type"):
            href = path.format(urlencode({"q": value}))
        else:
            href = path.format("" if name == "service" else quote(value, safe=""))
        found.append((href, words, value))
        found.append(
            (f"/logs?{urlencode({'q': _term(name, value)})}", "its lines in the log", value)
        )
    return found


def _term(name: str, value: str) -> str:
    plain = value.replace("-", "").replace("_", "").replace(".", "").isalnum()
    if name == "agent" and plain:
        return f"agent:{value}"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _hush(alert: Document) -> str:
    """The form of a silence, filled in with what this alert is."""
    matchers = [("m", f"alertname={alert['name']}")]
    matchers += [("m", f"{name}={value}") for name, value in alert["labels"].items()]
    return f"/alerts/silences/new?{urlencode(matchers)}"


ROUTES = (one,)
