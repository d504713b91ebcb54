"""`/agents/{agent}`: one of them: how it does, what happened to it, a try, what to do with it."""

from typing import Any, Final

import anyio
import msgspec
from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.agents.looks import (
    LIVE,
    MINUTES,
    Look,
    failovers,
    looked,
    or_none,
    stands_of,
)
from orchestra.dashboard.answers import Question, asked, done, form_page
from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Entry, Group, Sheet, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, onwards, viewer
from orchestra.dashboard.workflows.inputs import example_of
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

VERBS: Final = {
    "drain": "gets no new tasks; what runs may end",
    "disable": "gets no tasks and is not checked",
    "enable": "gets tasks again",
}
EVENTS: Final = 50
SAMPLE: Final = "The parcel came late, but everybody was very kind."
TEST_MS: Final = 8_000
DRAIN_S_MAX: Final = 8
"""Both below the ten seconds that a page waits for an answer."""
_READ: Final = [requires(Permission.AGENTS_READ)]
_OPERATE: Final = [requires(Permission.AGENTS_OPERATE)]
_REGISTER: Final = [requires(Permission.AGENTS_REGISTER)]

Document = dict[str, Any]


@get("/agents/{agent:str}", guards=_READ)
async def one(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """One of them."""
    asker = viewer(request)
    shown = await site.api.get(asker, f"/api/agents/{agent}")
    sheet = typed(_trial(shown), {"input_data": _example(shown, "")})
    return await _page(request, site, shown, sheet)


async def _page(
    request: Asking, site: Site, shown: Document, sheet: Sheet, tried: Document | None = None
) -> Answer:
    asker = viewer(request)
    window = request.query_params.get("window", "1h")
    window = window if window in MINUTES else "1h"
    parts: dict[str, Look] = {}
    found: Document = {"stands": {}}
    async with anyio.create_task_group() as group:
        group.start_soon(looked, site, asker, shown, window, parts)
        group.start_soon(stands_of, site, asker, shown["agent_type"], found["stands"])
        group.start_soon(_more, site, asker, shown, found)
    return form_page(
        request, site, "pages/agent.html", sheet, agent=shown, window=window, verbs=VERBS,
        windows=tuple(MINUTES), look=parts[shown["id"]], tried=tried, live=LIVE, **found,
    )  # fmt: skip


async def _more(site: Site, asker: Viewer, shown: Document, into: Document) -> None:
    path = f"/api/agents/{shown['id']}/events"
    into["events"] = await or_none(site, asker, path, {"limit": EVENTS})
    into["failovers"] = await failovers(site, asker, shown["agent_type"])


def _trial(agent: Document) -> list[Group]:
    """The form of a try."""
    names = tuple(str(one["name"]) for one in agent["capabilities"])
    fields = (
        Entry("capability", "Task", "choice", options=names or ("",)),
        Entry("input_data", "Input, as JSON", "json", rows=5),
    )
    return [Group("Try it", fields)]


def _example(agent: Document, capability: str) -> str:
    """An input that the schema of a capability may be happy with."""
    known = {str(one["name"]): one for one in agent["capabilities"]}
    chosen: Document = known.get(capability) or next(iter(known.values()), Document())
    value = example_of(chosen.get("input_schema") or {})
    if value in ({}, {"text": ""}):
        value = {"text": SAMPLE}
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


@post("/ui/agents/{agent:str}/try", guards=[requires(Permission.AGENTS_EXECUTE)], status_code=200)
async def attempt(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """Have it do one real task, and show all that came of it."""
    given, asker = await form(request), viewer(request)
    shown = await site.api.get(asker, f"/api/agents/{agent}")
    sheet = typed(_trial(shown), given)
    body = sheet.body()
    tried: Document | None = None
    if not sheet.is_wrong:
        body = {"input_data": body.get("input_data", {}), "timeout_ms": TEST_MS} | body
        try:
            tried = await site.api.send(asker, "POST", f"/api/agents/{agent}/test", body)
        except Refused as refused:
            tried = refused.document
            if refused.document.get("errors"):
                sheet.refuse(refused)
    if not by_htmx(request):
        return await _page(request, site, shown, sheet, tried)
    status = 422 if sheet.is_wrong else 200
    return site.fragment(
        request, "parts/agent_try.html", status=status, agent=shown, sheet=sheet, tried=tried
    )


@get(["/agents/{agent:str}/confirm", "/ui/agents/{agent:str}/confirm"], guards=_REGISTER)
async def confirm(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """What removing it means, before it is done."""
    asker = viewer(request)
    shown = await site.api.get(asker, f"/api/agents/{agent}")
    parts: dict[str, Look] = {}
    await looked(site, asker, shown, "24h", parts)
    look, kind = parts[shown["id"]], shown["agent_type"]
    others = await site.api.get(asker, "/api/agents", {"type": kind, "limit": 200})
    left = [one for one in others["items"] if one["id"] != shown["id"]]
    tasks = look.tasks
    in_use = look.in_use
    told = (
        f"It did {tasks} tasks in 24 hours, and has {in_use} in hand; those may end first.",
        f"{len(left)} other agents are of its type, {kind}."
        if left
        else f"No other agent is of its type, {kind}: steps that ask for it will wait or fail.",
        "Its registration and its figures are forgotten.",
    )
    return asked(request, site, Question(
        f"Remove {shown['name']}?", told, f"/ui/agents/{shown['id']}/remove", "Remove it",
        f"/agents/{shown['id']}", number=("drain_s", "Seconds to wait for tasks in hand", "5"),
    ))  # fmt: skip


@post("/ui/agents/{agent:str}/remove", guards=_REGISTER)
async def remove(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it."""
    given = await form(request)
    seconds = given.get("drain_s", "").strip() or "0"
    whole = seconds.isascii() and seconds.isdigit() and len(seconds) < 10
    query = {"drain_s": min(int(seconds), DRAIN_S_MAX) if whole else 0}
    await site.api.delete(viewer(request), f"/api/agents/{agent}", query)
    return onwards(request, "/agents")


@post("/ui/agents/{agent:str}/{verb:str}", guards=_OPERATE)
async def operate(
    agent: FromPath[str], verb: FromPath[str], request: Asking, site: There
) -> Answer:
    """Check, drain, disable, enable."""
    await form(request)
    if verb not in VERBS and verb != "check":
        raise NotFound("there is no page at this address")
    answer = await site.api.send(viewer(request), "POST", f"/api/agents/{agent}/{verb}")
    if verb == "check":
        return done(request, site, _checked(answer), f"/agents/{agent}", "Checked")
    return done(request, site, f"it {VERBS[verb]}", f"/agents/{agent}", verb.capitalize())


def _checked(answer: Document) -> str:
    if not answer["checked"]:
        return f"nothing to ask for free; {answer['health']['reason']}"
    if answer["well"]:
        return f"it is well, and answered in {answer['duration_ms']} ms"
    return f"it is not well: {answer['error']['message']}"


ROUTES = (one, attempt, confirm, remove, operate)
