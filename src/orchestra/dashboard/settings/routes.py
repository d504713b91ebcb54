"""`/settings`: what there is to set from a browser, and what is in force. Secrets only go in."""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote

import anyio
import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from orchestra import __version__
from orchestra.dashboard.answers import Question, asked, form_page, submitted
from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Entry, Group, Sheet, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, onwards, viewer
from orchestra.errors import NotFound, OrchestraError
from orchestra.instants import instant
from orchestra.security import Permission, requires

SECRET: Final = (
    Group("Set a secret", (
        Entry("name", "Name", required=True, most=63, mono=True, placeholder="openai", broad=True,
              hint="one that is there gets the new value"),
        Entry("value", "Value", "secret", required=True, most=65_536, broad=True,
              hint="not shown again, by nobody"),
        Entry("allowed_hosts", "May go to", "lines", rows=2, most=4_000,
              placeholder="api.openai.com", hint="hosts, one a line; none: anywhere"),
        Entry("description", "What it is for", most=1_024, broad=True),
    )),
)  # fmt: skip
NAME_MAX: Final = 63
_READ: Final = [requires(Permission.SYSTEM_READ)]
_SECRETS: Final = [requires(Permission.SECRETS_WRITE)]
PARTS: Final[Mapping[str, tuple[str, Permission]]] = {
    "ready": ("/readyz", Permission.SYSTEM_READ),
    "health": ("/api/dashboard/health", Permission.SYSTEM_READ),
    "secrets": ("/api/secrets", Permission.SECRETS_WRITE),
    "plugins": ("/api/agents/plugins", Permission.AGENTS_OPERATE),
}
DIAGNOSED: Final[Mapping[str, tuple[str, Permission]]] = {
    "ready": PARTS["ready"],
    "services": PARTS["health"],
    "overview": ("/api/dashboard/overview", Permission.METRICS_READ),
    "metrics": ("/api/metrics", Permission.METRICS_READ),
    "rules": ("/api/alerts/rules", Permission.ALERTS_READ),
    "plugins": PARTS["plugins"],
}
"""What is told to who helps: figures and states. No definition, no input, no secret, no line."""
LEFT_OUT: Final = frozenset({"recent_executions", "recent_events", "items", "failing", "runbook",
                             "summary", "notify"})  # fmt: skip

Document = dict[str, Any]


@get("/settings", guards=_READ)
async def settings(request: Asking, site: There) -> Answer:
    """The page. A part that is away is told in its place."""
    return await _page(request, site, fresh(SECRET))


async def _page(request: Asking, site: Site, sheet: Sheet) -> Answer:
    sheet.values["value"] = ""  # what is secret never comes back
    found = await _gathered(site, viewer(request), PARTS)
    return form_page(request, site, "pages/settings.html", sheet, found=found)


async def _gathered(
    site: Site, asker: Viewer, parts: Mapping[str, tuple[str, Permission]]
) -> dict[str, Document]:
    """What the viewer may see, asked for together; what fails has `problem`."""
    found: dict[str, Document] = {}

    async def one(name: str, path: str) -> None:
        try:
            found[name] = await site.api.get(asker, path)
        except OrchestraError as error:
            found[name] = {"problem": error.detail, "code": error.code}

    async with anyio.create_task_group() as group:
        for name, (path, permission) in parts.items():
            if asker.principal.may(permission):
                group.start_soon(one, name, path)
    return found


@post("/ui/settings/secrets", guards=_SECRETS)
async def keep(request: Asking, site: There) -> Answer:
    """Set a secret, or give it a new value."""
    sheet = typed(SECRET, await form(request))
    body = Document(value="", allowed_hosts=[], description="") | sheet.body()
    name = body.pop("name", "").strip()
    if not name or len(name) > NAME_MAX or "/" in name:
        sheet.wrong["name"] = ["letters, digits, '_', '.', '-', at most 63"]
    if not body["value"]:
        sheet.wrong["value"] = ["must not be empty"]
    if await submitted(request, site, sheet, f"PUT /api/secrets/{name}", body) is None:
        return await _page(request, site, sheet)
    return gone_to("/settings#secrets")


@get("/settings/secrets/{name:str}/remove", guards=_SECRETS)
async def ask(name: FromPath[str], request: Asking, site: There) -> Answer:
    """What will happen when it is gone."""
    page = await site.api.get(viewer(request), "/api/secrets")
    if name not in {one["name"] for one in page["items"]}:
        raise NotFound("there is no secret of this name")
    told = (name, "Agents that refer to it cannot be called until it is set again.")
    action, back = f"/ui/settings/secrets/{quote(name, safe='')}/remove", "/settings#secrets"
    question = Question("Remove this secret?", told, action, "Remove the secret", back)
    return asked(request, site, question)


@post("/ui/settings/secrets/{name:str}/remove", guards=_SECRETS)
async def remove(name: FromPath[str], request: Asking, site: There) -> Answer:
    """It is gone."""
    await form(request)
    await site.api.send(viewer(request), "DELETE", f"/api/secrets/{name}")
    return onwards(request, "/settings")  # not #secrets: that would not load it again


@get("/ui/settings/diagnostics", guards=_READ)
async def diagnostics(request: Asking, site: There) -> Response[bytes]:
    """A file of figures and states, to be sent to who helps."""
    found = await _gathered(site, viewer(request), DIAGNOSED)
    now_ms = site.clock.now_ms()
    told = {"at": instant(now_ms), "version": __version__, "mode": site.mode, "tls": site.tls}
    body = msgspec.json.format(msgspec.json.encode(told | _plain(found)), indent=2)
    headers = {"content-disposition": 'attachment; filename="orchestra-diagnostics.json"'}
    return Response(body, media_type="application/json", headers=headers)


def _plain(value: Any) -> Any:
    """A document without what people wrote or what runs were about."""
    if isinstance(value, dict):
        held = cast("Document", value)
        return {name: _plain(one) for name, one in held.items() if name not in LEFT_OUT}
    if isinstance(value, list):
        rows = cast("list[Any]", value)
        return [_plain(one) for one in rows]
    return value


ROUTES = (settings, keep, ask, remove, diagnostics)
