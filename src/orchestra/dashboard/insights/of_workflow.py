"""What `parts/insights.html` shows of one workflow; the page of a workflow asks for it, too."""

from collections.abc import Mapping
from typing import Any, Final

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import Wrong, errors_of
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
    asked = {name: query.get(name, "").strip()[:200] for name in FIELDS}
    asked["scale"] = asked["scale"] or "0.5"
    then, wrong = None, errors_of(None, FIELDS)
    if asked["step"]:
        try:
            then = await site.api.get(asker, f"{path}/what-if", {"window": window, **asked})
        except Refused as refused:
            wrong = _wrong(refused)
    return {
        "figures": figures, "advice": advice["insights"], "window": window, "windows": WINDOWS,
        "what_if": asked, "then": then, "wrong": wrong,
        "base": f"/workflows/{workflow}" if tab else f"/insights/{figures['workflow']}",
        "tab": tab,
    }  # fmt: skip


def _wrong(refused: Refused) -> Wrong:
    named = {f"/query/{name}": name for name in FIELDS}
    if refused.answer_status == 404:  # no such step
        wrong = Wrong()
        wrong["step"] = refused.detail
        return wrong
    return errors_of(refused, FIELDS, named)


def window_of(query: Mapping[str, str]) -> str:
    """The one that is asked for, else a month."""
    asked = query.get("window", "")
    return asked if asked in WINDOWS else "30d"
