"""`/executions/compare`: two executions side by side, and what differs."""

from typing import Any, Final

import anyio
import msgspec
from litestar import get

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.execution import reading
from orchestra.dashboard.execution.differing import Difference, difference
from orchestra.dashboard.execution.panel import last_success
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.telling import is_execution
from orchestra.security import Permission, requires

STEPS_MAX: Final = 1_000
PAGE: Final = 200
_READ: Final = [requires(Permission.EXECUTIONS_READ)]

Document = dict[str, Any]


class Pair(msgspec.Struct, frozen=True):
    """A step in both. None: it was not reached there."""

    path: str
    left: Document | None
    right: Document | None

    @property
    def differs(self) -> bool:
        """Whether anything but its time is another."""
        return _facts(self.left) != _facts(self.right)

    @property
    def slower_ms(self) -> int | None:
        """How much longer it took at the right."""
        took = [one["duration_ms"] if one else None for one in (self.left, self.right)]
        return None if took[0] is None or took[1] is None else took[1] - took[0]


def _facts(step: Document | None) -> object:
    return step and [step[name] for name in ("status", "attempts", "agent")]


@get("/executions/compare", guards=_READ)
async def compare(request: Asking, site: There) -> Answer:
    """Two of them. Without the second one: the last success of the same workflow."""
    query, asker = request.query_params, viewer(request)
    ids = {side: query.get(side, "").strip()[:80] for side in ("left", "right")}
    context: Document = {"ids": ids, "runs": {}, "wrong": {}, "guessed": False, "both": None}
    for side, id_ in ids.items():
        if id_:
            await _read(site, asker, side, context)
    if "left" in context["runs"] and not ids["right"]:
        found = await last_success(site, asker, context["runs"]["left"])
        if found is not None:
            ids["right"], context["guessed"] = str(found[0]["id"]), True
            await _read(site, asker, "right", context)
    if len(context["runs"]) == 2:
        only = query.get("only") == "1"
        start = query.get("from", "0")
        begin = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 0
        context["both"] = await _both(site, asker, context["runs"], (only, begin))
        context["only"], context["chosen"] = only, query.get("step", "")[:1_000]
        context["step"] = await _step(site, asker, context)
    return site.page(request, "pages/compare.html", **context)


async def _read(site: Site, asker: Viewer, side: str, context: Document) -> None:
    id_ = context["ids"][side]
    if not is_execution(id_):
        context["wrong"][side] = "not the id of an execution: it begins with exe_"
        return
    try:
        context["runs"][side] = await site.api.get(asker, f"/api/executions/{id_}")
    except Refused as refused:
        if refused.answer_status != 404:
            raise
        context["wrong"][side] = "no execution of this id"


async def _both(
    site: Site, asker: Viewer, runs: Document, which: tuple[bool, int]
) -> Document:  # fmt: skip
    """Steps aligned by path, what went in and came out, and the definitions if they differ."""
    found: dict[str, Any] = {}

    async def fetch(name: str, what: Any) -> None:
        found[name] = await what

    left, right = runs["left"], runs["right"]
    async with anyio.create_task_group() as group:
        for side, run in runs.items():
            group.start_soon(fetch, f"steps_{side}", _steps(site, asker, run))
            group.start_soon(fetch, f"in_{side}", _input(site, asker, run))
            group.start_soon(fetch, f"out_{side}", reading.output_of(site, asker, run))
        group.start_soon(fetch, "definition", _definitions(site, asker, left, right))
    pairs = aligned(found["steps_left"], found["steps_right"])
    only, begin = which
    shown = [pair for pair in pairs if pair.differs] if only else pairs
    return {
        "pairs": shown[begin : begin + PAGE],
        "next": begin + PAGE if begin + PAGE < len(shown) else None,
        "total": len(pairs),
        "differing": sum(pair.differs for pair in pairs),
        "input": difference(found["in_left"], found["in_right"]),
        "output": difference(found["out_left"], found["out_right"]),
        "definition": found["definition"],
    }


def aligned(left: list[Document], right: list[Document]) -> list[Pair]:
    """By path: in the order of the left one, and behind it what only the right one has."""
    sides = [{str(one["path"]): one for one in steps} for steps in (left, right)]
    return [Pair(path, sides[0].get(path), sides[1].get(path)) for path in sides[0] | sides[1]]


async def _steps(site: Site, asker: Viewer, run: Document) -> list[Document]:
    found: list[Document] = list(run["steps"])
    cursor = run["steps_next_cursor"]
    while cursor and len(found) < STEPS_MAX:
        path = f"/api/executions/{run['id']}/steps"
        page = await site.api.get(asker, path, {"cursor": cursor, "limit": PAGE})
        found, cursor = found + page["items"], page["next_cursor"]
    return found


async def _input(site: Site, asker: Viewer, run: Document) -> object:
    return (await site.api.get(asker, f"/api/executions/{run['id']}/input"))["input_data"]


async def _definitions(
    site: Site, asker: Viewer, left: Document, right: Document
) -> Difference | None:
    """None when both ran the same version, or one cannot be read any more."""
    places = [(run["workflow_id"], run["workflow_version"]) for run in (left, right)]
    if places[0] == places[1]:
        return None
    found: list[object] = []
    for workflow, version in places:
        try:
            path = f"/api/workflows/{workflow}/versions/{version}"
            found.append((await site.api.get(asker, path))["definition"])
        except Refused as refused:
            if refused.answer_status not in (403, 404):
                raise
            return None
    return difference(*found)


async def _step(site: Site, asker: Viewer, context: Document) -> Document | None:
    """Input and output of the chosen step in both."""
    path, whole = context["chosen"], list[Document]()
    if not path:
        return None
    for side in ("left", "right"):
        run = context["runs"][side]
        try:
            whole.append(await site.api.get(asker, f"/api/executions/{run['id']}/steps/{path}"))
        except Refused as refused:
            if refused.answer_status != 404:
                raise
            return None
    return {
        "path": path,
        "input": difference(whole[0]["input_data"], whole[1]["input_data"]),
        "output": difference(whole[0]["output"], whole[1]["output"]),
    }


ROUTES = (compare,)
