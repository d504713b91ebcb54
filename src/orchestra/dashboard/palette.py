"""`Ctrl K`: one field that leads to any page, thing or action. `/search` is the page behind it.

What is offered is what the viewer may do; everything is asked for as the viewer, together.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote, urlencode

import anyio
import msgspec
from litestar import get

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.site import Answer, Asking, Site, There, may, viewer
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

TEXT_MAX: Final = 200
FOUND_MAX: Final = 20
ASKED: Final = 200
STEERED: Final = (
    ("pause", "Pause", "bars"), ("resume", "Resume", "play"), ("retry", "Retry", "loop"),
)  # fmt: skip
_READ: Final = [requires(Permission.EXECUTIONS_READ)]

Document = dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """Something to go to. `words` is also looked through, and not shown."""

    href: str
    name: str
    kind: str
    icon: str
    words: str = ""
    weight: float = 0.0


Reader = Callable[[Document], Iterable[Entry]]


@get("/ui/palette", guards=_READ)
async def palette(request: Asking, site: There) -> Answer:
    """The dialog; with `q` only what was found."""
    text = request.query_params.get("q")
    found = await find(site, viewer(request), (text or "")[:TEXT_MAX])
    part = "palette" if text is None else "palette_list"
    return site.fragment(request, f"parts/{part}.html", found=found, text=text or "")


@get("/search", guards=_READ)
async def search(request: Asking, site: There) -> Answer:
    """The same, as a page."""
    text = request.query_params.get("q", "")[:TEXT_MAX]
    found = await find(site, viewer(request), text)
    return site.page(request, "pages/search.html", found=found, text=text)


async def find(site: Site, asker: Viewer, text: str) -> list[Entry]:
    """The best entries for a text, the best first. What cannot be asked for is left out."""
    allowed = may(asker.principal.permissions)
    entries = [
        Entry(place.href, place.name, "page", place.icon, weight=0.2)
        for place in site.places
        if asker.principal.may(place.permission)
    ]
    entries += _actions(allowed)
    sources: tuple[tuple[str, str, Document, Reader], ...] = (
        ("workflows:read", "/api/workflows", {"limit": ASKED}, lambda d: _workflows(d, allowed)),
        ("agents:read", "/api/agents", {"limit": ASKED}, _agents),
        ("queues:read", "/api/queues", {"limit": ASKED}, _queues),
        ("alerts:read", "/api/alerts/rules", {}, _rules),
    )

    async def ask(path: str, query: Document, read: Reader) -> None:
        try:
            entries.extend(read(await site.api.get(asker, path, query)))
        except OrchestraError:
            return

    wanted = text.strip()
    async with anyio.create_task_group() as group:
        for permission, path, query, read in sources:
            if allowed(permission):
                group.start_soon(ask, path, query, read)
        if wanted.startswith("exe_") and wanted.isascii() and "/" not in wanted:
            group.start_soon(ask, f"/api/executions/{wanted}", Document(), _execution)
    return _best(entries, wanted)


def _actions(allowed: Callable[[str], bool]) -> Iterable[Entry]:
    if allowed("workflows:write"):
        yield Entry("/workflows/new", "New workflow", "action", "plus", "create write", 0.3)
    yield Entry("/executions?status=failed", "Failed executions", "list", "cross", "errors", 0.1)
    yield Entry("/executions?status=running", "Running executions", "list", "arc", "now", 0.1)
    yield Entry("/queues?tab=failures", "Failures", "list", "cross", "inbox dead letters", 0.1)
    if allowed("system:read"):
        words = "theme dark light contrast density compact single keys saved views"
        yield Entry("/settings#appearance", "Preferences", "page", "gear", words)
    yield Entry("/ui/keys", "Keys", "help", "help", "shortcuts keyboard")
    yield Entry("/docs", "API documentation", "help", "key", "swagger openapi rest")


def _workflows(page: Document, allowed: Callable[[str], bool]) -> Iterable[Entry]:
    for one in page["items"]:
        name, at = str(one["name"]), f"/workflows/{one['id']}"
        words = f"{one['id']} {one['description']}"[:400]
        yield Entry(at, name, "workflow", "flow", words, 0.1)
        if allowed("executions:start"):
            yield Entry(f"{at}/run", f"Run {name}", "action", "play", "execute start")
        if allowed("workflows:write"):
            yield Entry(f"{at}/edit", f"Edit {name}", "action", "lines", "change")
        if allowed("executions:operate"):
            for verb, shown, icon in STEERED:
                query = urlencode({"do": verb, "all": 1, "workflow": one["id"]})
                told = f"{shown} executions of {name}"
                yield Entry(f"/executions/batch?{query}", told, "action", icon, weight=-0.2)


def _agents(page: Document) -> Iterable[Entry]:
    for one in page["items"]:
        yield Entry(f"/agents/{one['id']}", str(one["name"]), "agent", "agent", str(one["id"]))


def _queues(page: Document) -> Iterable[Entry]:
    for one in page["queues"]:
        yield Entry(f"/queues/{quote(one['name'], safe='')}", str(one["name"]), "queue", "tray")


def _rules(page: Document) -> Iterable[Entry]:
    for one in page["rules"]:
        yield Entry("/alerts?tab=rules", str(one["name"]), "alert rule", "bell")


def _execution(one: Document) -> Iterable[Entry]:
    told = f"{one['workflow_name']}, {str(one['status']).replace('_', ' ')}"
    yield Entry(f"/executions/{one['id']}", told, "execution", "play", str(one["id"]), 1.0)


def _best(entries: Iterable[Entry], text: str) -> list[Entry]:
    """Those that fit, the best first; at the end, a search of the executions."""
    scored = [
        (score(one.name, one.words, text) + one.weight, i, one) for i, one in enumerate(entries)
    ]
    fitting = sorted((-points, i, one) for points, i, one in scored if points - one.weight > 0)
    found = [one for _, _, one in fitting][:FOUND_MAX]
    if text:
        told = f"Executions with “{text[:60]}”"
        found.append(Entry(f"/executions?{urlencode({'q': text})}", told, "search", "search"))
    return found


def score(name: str, words: str, text: str) -> float:
    """How well a text fits; 0: not at all. Every letter has to be there, in order."""
    if not text:
        return 1.0
    low, sought = name.lower(), text.lower()
    if sought in low:
        at = low.index(sought)
        begins = at == 0 or not low[at - 1].isalnum()
        return 3.0 + 2.0 * begins + (at == 0) + len(sought) / len(low)
    if all(part in f"{low} {words.lower()}" for part in sought.split()):
        return 2.0
    at, points = -1, 0.0
    for letter in (one for one in sought if not one.isspace()):
        there = low.find(letter, at + 1)
        if there < 0:
            return 0.0
        points += 1.0 if there == at + 1 or not low[there - 1].isalnum() else 0.3
        at = there
    return points / max(len(sought), 1)


ROUTES = (palette, search)
