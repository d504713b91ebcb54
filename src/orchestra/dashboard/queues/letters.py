"""Dead letters: put back in line, one, some or all; thrown away. Of queues, and of readers."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.answers import Question, asked, done, meant
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import chosen, form
from orchestra.dashboard.queues.listing import LIVE
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, viewer
from orchestra.security import Permission, requires

PAGE: Final = 50
FILTERS: Final = ("kind", "error", "group")
_OPERATE: Final = [requires(Permission.QUEUES_OPERATE)]
_EVENTS: Final = [requires(Permission.EVENTS_READ)]

Document = dict[str, Any]


@post("/ui/queues/{name:str}/redrive", guards=_OPERATE)
async def redrive(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Put dead letters back in line: those that were chosen, those of the filter, or all."""
    given, asker, back = await form(request), viewer(request), f"/queues/{name}?tab=dead"
    path = f"/api/queues/{name}/redrive"
    if given.get("do") == "stop":
        await site.api.delete(asker, path)
        return done(request, site, "what is back in line stays there", back, "Stopped")
    ids = await chosen(request, "id") or given.get("ids", "").split()
    if given.get("do") == "delete" and ids:
        if given.get("sure") != "yes":
            return _sure(request, site, name, ids)
        await site.api.delete(asker, f"/api/queues/{name}/dead", {"id": ids})
        return done(request, site, f"{len(ids)} thrown away", back)
    if given.get("do") != "all":
        if not ids:
            return done(request, site, "no dead letter was chosen", back, "Choose some")
        job = await site.api.send(asker, "POST", path, {"ids": ids})
        return done(request, site, f"{job['moved']} back in line", back)
    only = {one: given[one] for one in FILTERS if given.get(one)}
    body: Document = {"filter": only} if only else {"all": True}
    job = await site.api.send(asker, "POST", path, body)
    return done(request, site, f"a job puts {job['total']} back in line", back, "Redrive")


def _sure(request: Asking, site: Site, name: str, ids: list[str]) -> Answer:
    """Asks before those that were chosen are thrown away."""
    told = (f"{len(ids)} dead letters are thrown away for good.",)
    hidden = {"do": "delete", "sure": "yes", "ids": " ".join(ids)}
    action, back = f"/ui/queues/{name}/redrive", f"/queues/{name}?tab=dead"
    title = f"Throw {len(ids)} dead letters away?"
    question = Question(title, told, action, "Throw away", back, hidden=hidden)
    if not by_htmx(request):
        return site.page(request, "pages/asked.html", question=question)
    into = {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"}
    return site.fragment(request, "parts/asked.html", headers=into, question=question)


@post("/ui/queues/{name:str}/purge", guards=_OPERATE)
async def purge(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Throw all dead letters away, once the name was typed."""
    meant(await form(request), name)
    answer = await site.api.delete(viewer(request), f"/api/queues/{name}/dead")
    back = f"/queues/{name}?tab=dead"
    return done(request, site, f"{answer['deleted']} thrown away", back, "Purged")


@get("/queues/~readers/{reader:str}", guards=_EVENTS)
async def reader(reader: FromPath[str], request: Asking, site: There) -> Answer:
    """Events that a reader of the product could not handle."""
    path = f"/api/events/readers/{reader}/dead"
    listed = Filtered(path, (), request.query_params, {"limit": PAGE})
    await listed.ask(site, viewer(request))
    return site.page(request, "pages/reader.html", reader=reader, listed=listed, live=LIVE)


@get(["/queues/~readers/{reader:str}/confirm", "/ui/readers/{reader:str}/confirm"], guards=_OPERATE)
async def reader_confirm(reader: FromPath[str], request: Asking, site: There) -> Answer:
    """What throwing them away means, before it is done."""
    told = ("All events that it gave up are forgotten; what they should have done is not done.",)
    return asked(request, site, Question(
        f"Forget what {reader} gave up?", told, f"/ui/readers/{reader}/purge", "Forget them",
        f"/queues/~readers/{reader}", typed=reader,
    ))  # fmt: skip


@post("/ui/readers/{reader:str}/redrive", guards=_OPERATE)
async def reader_redrive(reader: FromPath[str], request: Asking, site: There) -> Answer:
    """Hand them to the reader again: those that were chosen, or all."""
    given, ids = await form(request), await chosen(request, "id")
    back = f"/queues/~readers/{reader}"
    if given.get("do") != "all" and not ids:
        return done(request, site, "no event was chosen", back, "Choose some")
    body: Document = {} if given.get("do") == "all" else {"ids": ids}
    path = f"/api/events/readers/{reader}/redrive"
    answer = await site.api.send(viewer(request), "POST", path, body)
    return done(request, site, f"{answer['redriven']} are handled again", back)


@post("/ui/readers/{reader:str}/purge", guards=_OPERATE)
async def reader_purge(reader: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget them, once its name was typed."""
    meant(await form(request), reader)
    answer = await site.api.delete(viewer(request), f"/api/events/readers/{reader}/dead")
    back = f"/queues/~readers/{reader}"
    return done(request, site, f"{answer['deleted']} forgotten", back, "Forgotten")


ROUTES = (redrive, purge, reader, reader_confirm, reader_redrive, reader_purge)
