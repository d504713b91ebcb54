"""The chosen step: its attempts, what went in and came out, why this agent, what differs."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.execution.advice import advice
from orchestra.dashboard.execution.choosing import Choice
from orchestra.dashboard.execution.differing import difference
from orchestra.dashboard.execution.values import tree
from orchestra.dashboard.site import Site
from orchestra.dashboard.wording import CUT_BYTES
from orchestra.security import Permission

LOOKED_FOR: Final = 5
"""So many earlier successes are looked at for one that has the step."""

Document = dict[str, Any]


async def panel(site: Site, asker: Viewer, run: Document, choice: Choice) -> Document | None:
    """What is shown of the step; None when there is none of that name."""
    base, path = f"/api/executions/{run['id']}", choice.step
    if not path:
        return None
    try:
        step = await site.api.get(asker, f"{base}/steps/{path}")
    except Refused as refused:
        if refused.answer_status != 404:
            raise
        return None
    tried = _attempt(step, choice)
    error = (tried or {}).get("error") or step["error"]
    made: Document = {
        "step": step,
        "tried": tried,
        "is_last": tried is None or tried is step["tries"][-1],
        "error": error,
        "advice": advice(error["code"]) if error else "",
    }
    match choice.view:
        case "data" | "raw":
            made |= _data(step, raw=choice.view == "raw")
        case "diff":
            made |= await _differs(site, asker, run, step, choice)
        case "why":
            made |= await _why(site, asker, run, step, tried)
        case _:
            wish = {"step": path, "limit": 200, "order": "desc", "attempt": choice.attempt}
            made["logs"] = await site.api.get(asker, f"{base}/logs", wish)
    return made


def following(run: Document, choice: Choice) -> Choice:
    """With the step that runs now chosen, if that is what is followed."""
    if not choice.follow:
        return choice
    running = [str(path) for path in run["current_steps"]]
    if not running or choice.step in running:
        return choice
    deepest = max(running, key=lambda path: path.count("/"))
    return msgspec.structs.replace(choice, step=deepest, attempt=None)


def _attempt(step: Document, choice: Choice) -> Document | None:
    tries: list[Document] = step["tries"]
    wanted = [one for one in tries if one["attempt"] == choice.attempt]
    return wanted[-1] if wanted else (tries[-1] if tries else None)


def _data(step: Document, *, raw: bool) -> Document:
    """Input and output: as trees, or as they are, each with its size."""
    made: Document = {}
    for part in ("input_data", "output"):
        value = step[part]
        size = len(msgspec.json.encode(value)) if value is not None else 0
        made[part] = {
            "value": value if raw and size <= CUT_BYTES else None,
            "tree": None if raw or value is None else tree(value),
            "bytes": size,
            "large": size > CUT_BYTES,
            "none": value is None,
        }
    return made


async def _differs(
    site: Site, asker: Viewer, run: Document, step: Document, choice: Choice
) -> Document:
    """Against the attempt before, or against the last success of this step elsewhere."""
    tries: list[Document] = step["tries"]
    tried = _attempt(step, choice)
    at = tries.index(tried) if tried in tries else 0
    against = choice.against or ("previous" if at > 0 else "success")
    if against == "previous":
        before = tries[at - 1] if at > 0 else None
        changes = difference(_facts(before), _facts(tried)) if before and tried else None
        return {"against": against, "before": before, "facts": changes, "other": None}
    other = await last_success(site, asker, run, str(step["path"]))
    if other is None:
        return {"against": against, "other": None, "before": None, "facts": None}
    execution, was = other
    return {
        "against": against,
        "before": None,
        "facts": None,
        "other": execution,
        "input_diff": difference(was["input_data"], step["input_data"]),
        "output_diff": difference(was["output"], step["output"]),
    }


def _facts(tried: Document | None) -> Document:
    """What may differ between attempts: every one of them sends the same input."""
    left_out = ("attempt", "started_at", "ended_at", "calls")
    return {name: value for name, value in (tried or {}).items() if name not in left_out}


async def last_success(
    site: Site, asker: Viewer, run: Document, path: str = ""
) -> tuple[Document, Document] | None:
    """The newest other completed execution of the workflow, with its record of the step."""
    wish = {"workflow": run["workflow_id"], "status": "completed", "limit": LOOKED_FOR + 1}
    listed = await site.api.get(asker, "/api/executions", wish)
    for one in listed["items"]:
        if one["id"] == run["id"]:
            continue
        if not path:
            return one, {}
        try:
            step = await site.api.get(asker, f"/api/executions/{one['id']}/steps/{path}")
        except Refused as refused:
            if refused.answer_status != 404:
                raise
            continue
        if step["status"] == "completed":
            return one, step
    return None


async def _why(
    site: Site, asker: Viewer, run: Document, step: Document, tried: Document | None
) -> Document:
    """The choices that were kept; where none was, who would be chosen now."""
    calls: list[Document] = (tried or {}).get("calls", [])
    made: Document = {"calls": calls, "now": None}
    if step["type"] != "agent" or Permission.AGENTS_READ not in asker.principal.permissions:
        return made
    written = await _written(site, asker, run, str(step["path"]).removeprefix("~"))
    kind = written.get("agent_type")
    if not isinstance(kind, str):
        return made
    body: Document = {"agent_type": kind}
    if isinstance(written.get("task_type"), str):
        body["task_type"] = written["task_type"]
    try:
        made["now"] = await site.api.send(asker, "POST", "/api/agents/select", body)
    except Refused as refused:
        if refused.answer_status >= 500:
            raise
    return made


async def _written(site: Site, asker: Viewer, run: Document, path: str) -> Mapping[str, Any]:
    """The step in its definition."""
    version = f"/api/workflows/{run['workflow_id']}/versions/{run['workflow_version']}"
    try:
        workflow = await site.api.get(asker, version)
    except Refused as refused:
        if refused.answer_status not in (403, 404):
            raise
        return {}
    return part_of(workflow["definition"].get("steps"), path.split("/")) or {}


def part_of(value: object, names: list[str]) -> Document | None:
    """The part of a definition that a path names; the numbers of items are no names."""
    if isinstance(value, list):
        parts = cast("list[object]", value)
        return next((found for one in parts if (found := part_of(one, names))), None)
    if not isinstance(value, dict):
        return None
    given = cast("Document", value)
    rest = names[1:] if given.get("id") == names[0].partition("[")[0] else names
    if not rest:
        return given
    return next((found for one in given.values() if (found := part_of(one, rest))), None)
