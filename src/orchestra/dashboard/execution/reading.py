"""What the page of an execution is made of: asked for, and put into words."""

from typing import Any, Final

import msgspec
from markupsafe import Markup

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.execution.choosing import Choice
from orchestra.dashboard.execution.panel import following, panel
from orchestra.dashboard.execution.steering import verbs
from orchestra.dashboard.execution.values import tree
from orchestra.dashboard.gantt import NOTHING, Bar, Row, gantt
from orchestra.dashboard.site import Site
from orchestra.dashboard.wording import at_ms, duration, is_cut
from orchestra.instants import instant
from orchestra.security import Permission

LINES: Final = 200
ROWS_MAX: Final = 200
STEPS_MAX: Final = 1_000

Document = dict[str, Any]


async def shown(site: Site, asker: Viewer, execution: str, choice: Choice) -> Document:
    """Everything the page needs. Raises Refused."""
    run = await site.api.get(asker, f"/api/executions/{execution}")
    made = await left(site, asker, run, choice)
    choice = made["choice"]
    made["panel"] = await panel(site, asker, run, choice)
    made["unknown_step"] = bool(choice.step) and made["panel"] is None
    return made


async def left(site: Site, asker: Viewer, run: Document, choice: Choice) -> Document:
    """All but the chosen step."""
    choice = following(run, choice)
    base = f"/api/executions/{run['id']}"
    made: Document = {"choice": choice, "then": None, **await head(site, asker, run)}
    if choice.tab in ("graph", "timeline"):
        made |= await _in_time(site, asker, run, choice)
    elif choice.tab == "events":
        after = choice.after if choice.after.isdigit() else None
        wish: Document = {"limit": LINES, "after": after, "order": "desc"}
        made["history"] = await site.api.get(asker, f"{base}/history", wish)
    elif choice.tab == "logs":
        wish = {"limit": LINES, "level": choice.level, "q": choice.q, "order": "desc"}
        wish["after"] = choice.after if choice.after.startswith("evt_") else None
        made["logs"] = await site.api.get(asker, f"{base}/logs", wish)
    else:
        made |= await _context(site, asker, run)
    return made


async def head(site: Site, asker: Viewer, run: Document) -> Document:
    """What stands above all: its state, what it waits for, how far a rollback has come."""
    undoing: Document | None = None
    if run["rollback"]:
        path = f"/api/executions/{run['id']}/rollback/preview"
        undoing = await site.api.get(asker, path)
    line = await _line(site, asker, run)
    return {"run": run, "verbs": verbs(run), "line": line, "undoing": undoing}


async def _in_time(site: Site, asker: Viewer, run: Document, choice: Choice) -> Document:
    wanted = choice.critical or choice.tab == "timeline"
    wish = {"at": choice.at, "limit": STEPS_MAX, "critical": "true" if wanted else "false"}
    then = await site.api.get(asker, f"/api/executions/{run['id']}/timeline", wish)
    made: Document = {"then": then, "shown_steps": steps_shown(run, then, choice)}
    if choice.tab == "timeline":
        made["timeline"] = timeline(then, choice)
        made["rows_cut"] = len(then["steps"]) > ROWS_MAX
        made["what_if"] = await _what_if(site, asker, run, then)
    else:
        made["picture"] = await picture(site, asker, run, then, choice)
    return made


def steps_shown(run: Document, then: Document, choice: Choice) -> list[Document]:
    """The steps of the table: as they are now, or as they were."""
    known = {one["path"]: one for one in run["steps"]}
    if not choice.past:
        return since(run["steps"], then)
    return [_was(known.get(one["path"]), one, then) for one in then["steps"][:LINES]]


def since(steps: list[Document], then: Document) -> list[Document]:
    """The steps, with the instant since when the running ones run: it is in the history alone."""
    bars = {one["path"]: one["bars"] for one in then["steps"]}
    begun = round(at_ms(then["created_at"]))
    return [
        one | {"started_at": instant(begun + bars[one["path"]][-1]["from_ms"])}
        if _unknown(one) and bars.get(one["path"])
        else one
        for one in steps
    ]


async def steps_now(site: Site, asker: Viewer, run: Document) -> list[Document]:
    """The steps of one that may run, for its table."""
    steps: list[Document] = run["steps"]
    if run["steps_next_cursor"] or not any(_unknown(one) for one in steps):
        return steps
    wish = {"limit": STEPS_MAX, "critical": "false"}
    return since(steps, await site.api.get(asker, f"/api/executions/{run['id']}/timeline", wish))


def _unknown(step: Document) -> bool:
    return step["status"] == "running" and not step["started_at"]


def _was(now: Document | None, then: Document, whole: Document) -> Document:
    """A step as it was: what came later is not known yet."""
    bars: list[Document] = then["bars"]
    last = [
        bar for bar in bars if bar["attempt"] == bars[-1]["attempt"] and bar["kind"] == "running"
    ]
    took = last[-1]["to_ms"] - last[0]["from_ms"] if last else None
    agents = [bar["agent"] for bar in bars if bar["agent"]]
    same = now is not None and now["status"] == then["status"] and not whole["event"]["next_ms"]
    return {
        "path": then["path"],
        "type": then["type"],
        "status": then["status"],
        "agent": now["agent"] if same and now else (agents[-1] if agents else None),
        "attempts": then["attempts"],
        "started_at": None,
        "duration_ms": now["duration_ms"] if same and now else took,
    }


def timeline(then: Document, choice: Choice) -> Markup:
    """The chart: a row a step that was reached."""
    rows = [
        Row(
            one["path"], one["status"], tuple(_bar(bar) for bar in one["bars"]),
            choice.href(step=one["path"]) + "#step", one["critical"], one["path"] == choice.step,
        )
        for one in then["steps"]
        if one["bars"]
    ][:ROWS_MAX]  # fmt: skip
    return gantt(rows, then["duration_ms"]) if rows else NOTHING


def _bar(bar: Document) -> Bar:
    state = bar["state"] if bar["kind"] != "waiting" or bar["open"] else "retrying"
    told = f"attempt {bar['attempt']}, {bar['kind']}, {duration(bar['to_ms'] - bar['from_ms'])}"
    told += f", {bar['agent']}" if bar["agent"] else ""
    return Bar(bar["from_ms"], bar["to_ms"], state, bar["kind"], bar["open"], told)


async def picture(
    site: Site, asker: Viewer, run: Document, then: Document, choice: Choice
) -> Markup:
    """The graph with the state of each step."""
    path = f"/api/workflows/{run['workflow_id']}/versions/{run['workflow_version']}"
    try:
        workflow = await site.api.get(asker, path)
    except Refused as refused:
        if refused.answer_status not in (403, 404):
            raise
        return NOTHING
    drawn = await site.drawings.of(asker, workflow)
    states = {one["path"]: one["status"] for one in then["steps"]}
    over = run["ended_at"] and not choice.past
    marked = [one["path"] for one in then["critical_path"]] if choice.critical else ()
    return drawn.shown(states, choice.step, "skipped" if over else "waiting", marked)


async def _what_if(site: Site, asker: Viewer, run: Document, then: Document) -> Document | None:
    """What it would be worth if the slowest step took half as long; by earlier executions."""
    longest = [one for one in then["critical_path"] if not one["opens"] and one["took_ms"] >= 1]
    if not longest or Permission.METRICS_READ not in asker.principal.permissions:
        return None
    step = max(longest, key=lambda one: one["took_ms"])["path"]
    wish = {"step": step, "scale": 0.5}
    path = f"/api/analytics/workflows/{run['workflow_id']}/what-if"
    try:
        found = await site.api.get(asker, path, wish)
    except Refused as refused:
        if refused.answer_status >= 500:
            raise
        return None
    return found if found.get("saves_ms") else None


async def _line(site: Site, asker: Viewer, run: Document) -> Document | None:
    """Of one in which nothing runs: what its next step waits for, a place or a time."""
    ready = next((one for one in run["steps"] if one["status"] in ("ready", "retrying")), None)
    if run["status"] not in ("pending", "running") or run["current_steps"] or ready is None:
        return None
    step = await site.api.get(asker, f"/api/executions/{run['id']}/steps/{ready['path']}")
    place: Document = step.get("line") or {"queue": "", "ahead": 0}
    if not place["queue"] and not step.get("next_at"):
        return None
    return {"path": ready["path"], "next_at": step.get("next_at"), **place}


async def _context(site: Site, asker: Viewer, run: Document) -> Document:
    """Input and output, whole."""
    base = f"/api/executions/{run['id']}"
    given = await site.api.get(asker, f"{base}/input")
    made: Document = {"input": _part(given["input_data"]), "output": None}
    if run["status"] == "completed":
        made["output"] = _part(await output_of(site, asker, run))
    return made


async def output_of(site: Site, asker: Viewer, run: Document) -> object:
    """The whole output of an execution, also where the interface leaves it out for its size."""
    output: Any = run["output"]
    if is_cut(output):
        step = await site.api.get(asker, str(output["href"]))
        return step["output"]
    return output


def _part(value: object) -> Document:
    size = len(msgspec.json.encode(value))
    return {"tree": tree(value), "bytes": size}
