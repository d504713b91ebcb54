"""Things as markup that finds its own place in a page. Worked out once for all who look.

Whoever asks while a thing is being made, after it had changed, gets the same: two hundred pages on
one execution cost what one costs.
"""

from collections import OrderedDict
from html import escape
from typing import Any, Final

import anyio

from orchestra.dashboard import graph
from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.execution.choosing import Choice
from orchestra.dashboard.execution.reading import head as head_of
from orchestra.dashboard.execution.reading import steps_now
from orchestra.dashboard.overview import seen
from orchestra.dashboard.site import Site, may
from orchestra.dashboard.telling import Thing
from orchestra.errors import OrchestraError
from orchestra.security import Principal

KEPT_MAX: Final = 128

Made = dict[str, str]
"""By place in the page: what stands there now."""


class _Making:
    __slots__ = ("began", "done", "made", "whole")

    def __init__(self, began: float) -> None:
        self.began, self.done = began, anyio.Event()
        self.made: Made | None = None
        self.whole = False


class Things:
    """Makes them, for one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._makings: OrderedDict[tuple[object, ...], _Making] = OrderedDict()

    async def made(self, principal: Principal, thing: Thing, since: float) -> Made | None:
        """A thing as it is at `since` (monotonic) or later.

        Empty when there is no such thing for this viewer, None when it cannot be had just now.
        """
        key = (principal.tenant, principal.permissions, *thing)
        while (making := self._makings.get(key)) is not None and making.began >= since:
            await making.done.wait()
            if making.whole:  # else whoever made it has left meanwhile
                return making.made
        making = self._makings[key] = _Making(self._site.clock.monotonic())
        if len(self._makings) > KEPT_MAX:
            self._makings.popitem(last=False)
        try:
            making.made = await self._make(Viewer(principal), thing)
            making.whole = True
        except OrchestraError as error:
            status = error.answer_status if isinstance(error, Refused) else error.status
            making.made = None if status >= 500 or status == 429 else {}
            making.whole = True
        finally:
            if making.made is None and self._makings.get(key) is making:
                del self._makings[key]  # nobody after is told of a failure that may be over
            making.done.set()
        return making.made

    async def _make(self, viewer: Viewer, thing: Thing) -> Made:
        kind, id_ = thing
        if kind == "run":
            return await self._run(viewer, id_)
        if kind == "row":
            return await self._row(viewer, id_)
        figures = await seen(self._site.api, viewer)
        text = self._text(viewer, "parts/overview.html", {"seen": figures})
        return {"overview": partial("#overview", "innerMorph", text)}

    async def _row(self, viewer: Viewer, id_: str) -> Made:
        run = await self._site.api.get(viewer, f"/api/executions/{id_}")
        over = run["ended_at"] is not None
        shown = {**run, "duration_ms": run["duration_ms"] if over else None}
        row = self._text(viewer, "parts/execution_row.html", {"run": shown})
        return {id_: partial(f"#x-{id_}", "outerMorph", row)}

    async def _run(self, viewer: Viewer, id_: str) -> Made:
        run = await self._site.api.get(viewer, f"/api/executions/{id_}")
        context = {**await head_of(self._site, viewer, run), "choice": Choice()}
        head = self._text(viewer, "parts/execution_head.html", context)
        made = {"head": partial("#head", "innerMorph", head)}
        steps = await steps_now(self._site, viewer, run)
        rows = self._text(viewer, "parts/step_rows.html", context | {"shown_steps": steps})
        made["rows"] = partial("#steps", "innerMorph", rows)
        for step in run["steps"]:
            drawn = graph.state(step["path"], step["status"])
            target = f"""[data-path="{step["path"]}"]"""
            made[step["path"]] = partial(target, "outerMorph strip:true", f"<svg>{drawn}</svg>")
        return made

    def _text(self, viewer: Viewer, template: str, context: dict[str, Any]) -> str:
        names = viewer.principal.permissions
        return self._site.pages.render(template, {"may": may(names), **context})


def partial(target: str, swap: str, markup: str) -> str:
    """Markup that goes to its own place in a page."""
    return f'<hx-partial hx-target="{escape(target)}" hx-swap="{swap}">{markup}</hx-partial>'
