"""`/alerts/silences`: tell nobody of some alerts for a while, after seeing which are meant."""

from typing import Any, Final

from litestar import get, post

from orchestra.dashboard.answers import form_page, key_of, submitted
from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Entry, Group, Sheet, fresh, typed
from orchestra.dashboard.site import Answer, Asking, There, gone_to, viewer
from orchestra.dashboard.watching.ranges import moment
from orchestra.instants import instant
from orchestra.security import Permission, requires

SILENCES: Final = "/api/alerts/silences"
DURATIONS: Final = (
    ("30m", "30 minutes"), ("1h", "1 hour"), ("2h", "2 hours"), ("8h", "8 hours"), ("1d", "1 day"),
    ("3d", "3 days"), ("7d", "7 days"), ("30d", "30 days"), ("", "until a date"),
)  # fmt: skip
FIELDS: Final = (
    Group("What, and why", (
        Entry("matchers", "Alerts with", "lines", rows=5, most=4_096, required=True,
              placeholder="agent=gpt*\nseverity!=critical",
              hint="label=value or label!=value, one a line; * at the end of a value is any rest. "
                   "Also alertname, severity, rule. All of them must fit."),
        Entry("comment", "Why", required=True, most=500, placeholder="gpt is being moved",
              broad=True),
    )),
    Group("When", (
        Entry("duration", "How long", "choice", options=DURATIONS, default="2h"),
        Entry("starts_at", "From (UTC)", "moment", hint="empty: now"),
        Entry("ends_at", "Until (UTC)", "moment", hint="at most 30 days"),
    )),
)  # fmt: skip
MATCHERS_MAX: Final = 20
_READ: Final = [requires(Permission.ALERTS_READ)]
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]

Document = dict[str, Any]


@get("/alerts/silences/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form; an alert fills it in."""
    given = [
        str(value)[:200] for name, value in request.query_params.multi_items() if name == "m"
    ][:MATCHERS_MAX]  # fmt: skip
    sheet, found = fresh(FIELDS, {"matchers": "\n".join(given)}), None
    if given:
        try:
            found = await _meant(request, site, sheet)
        except Refused:
            found = None  # what is wrong is told when it is asked for
    return _page(request, site, sheet, found)


@post("/ui/alerts/silences/preview", guards=_READ)
async def preview(request: Asking, site: There) -> Answer:
    """The form again, with the alerts that are meant now."""
    sheet, found = typed(FIELDS, await form(request)), None
    try:
        found = await _meant(request, site, sheet)
    except Refused as refused:
        sheet.refuse(refused)
    return _page(request, site, sheet, found)


@post("/ui/alerts/silences/save", guards=_WRITE)
async def save(request: Asking, site: There) -> Answer:
    """It is quiet from now on, or the form again with what is wrong."""
    given = await form(request)
    sheet, key = typed(FIELDS, given), key_of(given, site)
    body: Document = {"matchers": matchers_of(sheet)} | {
        name: value for name, value in sheet.body().items() if name != "matchers"
    }
    if "duration" in body:
        body.pop("ends_at", None)
    for name in body.keys() & {"starts_at", "ends_at"}:
        at = moment(body[name], 0)
        body[name] = body[name] if at is None else instant(at)
    made = await submitted(request, site, sheet, f"POST {SILENCES}", body, idempotency_key=key)
    if made is None:
        return _page(request, site, sheet)
    return gone_to("/alerts?tab=silences")


async def _meant(request: Asking, site: There, sheet: Sheet) -> Document:
    """The alerts that fire now and are meant. Raises Refused."""
    body = {"matchers": matchers_of(sheet)}
    return await site.api.send(viewer(request), "POST", f"{SILENCES}/preview", body)


def matchers_of(sheet: Sheet) -> list[Document]:
    """`agent=gpt*` and `severity!=critical`, one a line. What is neither is left as it is."""
    found: list[Document] = []
    for line in sheet.values["matchers"].splitlines():
        if not line.strip():
            continue
        op = "!=" if 0 <= line.find("!=") < len(line.partition("=")[0]) + 1 else "="
        label, _, value = line.partition(op)
        found.append({"label": label.strip(), "op": op, "value": value.strip()})
    return found


def _page(request: Asking, site: There, sheet: Sheet, preview: Document | None = None) -> Answer:
    return form_page(request, site, "pages/silence.html", sheet, preview=preview)


ROUTES = (new, preview, save)
