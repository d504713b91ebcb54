"""What `parts/insights.html` shows of one workflow; the page of a workflow asks for it, too."""

from collections.abc import Mapping
from typing import Any, Final

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.sheets import Entry, Group, Sheet, fresh
from orchestra.dashboard.site import Site

WINDOWS: Final = ("24h", "7d", "30d")

FIELDS: Final = ("step", "scale")

Document = dict[str, Any]


async def insights_of(
    site: Site, asker: Viewer, workflow: str, query: Mapping[str, str], tab: str = ""
) -> Document:
    """Everything the part needs. `query` has `window`, and of the what-if `step` and `scale`.
    `tab`: of the page of the workflow, where its links stay.

    Raises Refused for a workflow that is not there.
    """
    window = window_of(query)
    path = f"/api/analytics/workflows/{workflow}"
    figures = await site.api.get(asker, path, {"window": window})
    advice = await site.api.get(
        asker, "/api/analytics/insights", {"window": window, "workflow": figures["workflow"]}
    )
    sheet = fresh(fields(figures), {name: query.get(name, "").strip()[:200] for name in FIELDS})
    then = None
    if query.get("step", "").strip():
        try:
            then = await site.api.get(asker, f"{path}/what-if", {"window": window, **sheet.values})
        except Refused as refused:
            _refuse(sheet, refused)
    return {
        "figures": figures, "advice": advice["insights"], "window": window, "windows": WINDOWS,
        "sheet": sheet, "then": then, "tab": tab,
        "base": f"/workflows/{workflow}" if tab else f"/insights/{figures['workflow']}",
    }  # fmt: skip


def fields(figures: Document) -> list[Group]:
    """The what-if; of the step that takes longest, unless somebody says another."""
    steps = tuple(str(one["step"]) for one in figures["steps"])
    longest: str | None = figures["critical_path"]["bottleneck"]
    return [Group("What if?", (
        Entry("step", "A step", most=200, suggestions=steps, broad=True,
              default=longest or ""),
        Entry("scale", "took so many times as long", most=12, default="0.5", broad=True,
              hint="0.5 is half; 0 is without it"),
    ))]  # fmt: skip


def _refuse(sheet: Sheet, refused: Refused) -> None:
    if refused.answer_status == 404:
        sheet.wrong["step"] = [refused.detail]  # there is no such step
    else:
        sheet.refuse(refused, "/query")


def window_of(query: Mapping[str, str]) -> str:
    """The one that is asked for, else a month."""
    asked = query.get("window", "")
    return asked if asked in WINDOWS else "30d"
