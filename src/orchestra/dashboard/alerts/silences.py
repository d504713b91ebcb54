"""`/alerts/silences`: tell nobody of some alerts for a while, after seeing which are meant."""

from collections.abc import Sequence
from typing import Any, Final

from litestar import get, post

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import Wrong, errors_of, form
from orchestra.dashboard.site import Answer, Asking, There, gone_to, viewer
from orchestra.dashboard.watching.ranges import moment
from orchestra.instants import instant
from orchestra.security import Permission, requires

SILENCES: Final = "/api/alerts/silences"
FIELDS: Final = ("matchers", "comment", "duration", "starts_at", "ends_at")
NAMED: Final = {"/duration": "duration", "/ends_at": "ends_at", "/starts_at": "starts_at"}
DURATIONS: Final = (
    ("30m", "30 minutes"), ("1h", "1 hour"), ("2h", "2 hours"), ("8h", "8 hours"), ("1d", "1 day"),
    ("3d", "3 days"), ("7d", "7 days"), ("30d", "30 days"), ("", "until a date"),
)  # fmt: skip
MATCHERS_MAX: Final = 20
TEXT_MAX: Final = 4_096
_READ: Final = [requires(Permission.ALERTS_READ)]
_WRITE: Final = [requires(Permission.ALERTS_WRITE)]

Document = dict[str, Any]


@get("/alerts/silences/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form; an alert fills it in."""
    given = [
        str(value)[:200] for name, value in request.query_params.multi_items() if name == "m"
    ][:MATCHERS_MAX]  # fmt: skip
    values = dict.fromkeys(FIELDS, "") | {"matchers": "\n".join(given), "duration": "2h"}
    preview = None
    if given:
        try:
            body = {"matchers": matchers_of(values["matchers"])}
            preview = await site.api.send(viewer(request), "POST", f"{SILENCES}/preview", body)
        except Refused:
            preview = None  # what is wrong is told when it is asked for
    return _page(request, site, values, preview=preview)


@post("/ui/alerts/silences/preview", guards=_READ)
async def preview(request: Asking, site: There) -> Answer:
    """The form again, with the alerts that are meant now."""
    values = _values(await form(request))
    try:
        body = {"matchers": matchers_of(values["matchers"])}
        found = await site.api.send(viewer(request), "POST", f"{SILENCES}/preview", body)
    except Refused as refused:
        return _page(request, site, values, wrong=errors_of(refused, FIELDS, NAMED))
    return _page(request, site, values, preview=found)


@post("/ui/alerts/silences/save", guards=_WRITE)
async def save(request: Asking, site: There) -> Answer:
    """It is quiet from now on, or the form again with what is wrong."""
    given = await form(request)
    values, key = _values(given), given.get("key") or site.ids.new("new")
    body: Document = {"matchers": matchers_of(values["matchers"]), "comment": values["comment"]}
    if values["duration"]:
        body["duration"] = values["duration"]
    for name in ("starts_at", "ends_at"):
        if values[name] and not (name == "ends_at" and values["duration"]):
            at = moment(values[name], 0)
            body[name] = values[name] if at is None else instant(at)
    try:
        await site.api.send(viewer(request), "POST", SILENCES, body, idempotency_key=key)
    except Refused as refused:
        return _page(request, site, values, wrong=errors_of(refused, FIELDS, NAMED))
    return gone_to("/alerts?tab=silences")


def matchers_of(text: str) -> list[Document]:
    """`agent=gpt*` and `severity!=critical`, one a line. What is neither is left as it is."""
    found: list[Document] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        op = "!=" if 0 <= line.find("!=") < len(line.partition("=")[0]) + 1 else "="
        label, _, value = line.partition(op)
        found.append({"label": label.strip(), "op": op, "value": value.strip()})
    return found


def _values(given: dict[str, str]) -> dict[str, str]:
    return {name: given.get(name, "")[:TEXT_MAX] for name in FIELDS}


def _page(
    request: Asking, site: There, values: dict[str, str], *, preview: Document | None = None,
    wrong: Wrong | None = None, durations: Sequence[tuple[str, str]] = DURATIONS,
) -> Answer:  # fmt: skip
    return site.page(
        request, "pages/silence.html", status=422 if wrong else 200, values=values,
        preview=preview, wrong=wrong or errors_of(None, FIELDS), durations=durations,
        key=site.ids.new("new"),
    )  # fmt: skip


ROUTES = (new, preview, save)
