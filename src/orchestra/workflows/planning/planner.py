"""The planner: a claimed step and what is known -> what to call, or what to record. Pure.

`decide` looks at a step for the first time, `after_call` at the answer of its agent, `closing` at
a container whose contents are done. Nothing here reads a clock, a store or a socket.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from orchestra.agents import TaskError, TaskResult
from orchestra.workflows.expressions import NOTHING, ExpressionFailed, Template
from orchestra.workflows.language.definition import AgentChoice, Json
from orchestra.workflows.planning.facts import Names, Record, Work
from orchestra.workflows.planning.failing import (
    CRASH_LIMIT_LOCAL,
    CRASH_LIMIT_REMOTE,
    Completion,
    Failure,
    broken,
    failed,
)
from orchestra.workflows.planning.scoping import opening, output_step
from orchestra.workflows.planning.waiting import waiting

EMIT_MAX_BYTES = 256 * 1024
EMIT_SOURCE = "/orchestra/workflows"


@dataclass(slots=True)
class Call:
    """An agent is to be asked. `request` is rendered once and sent unchanged by every attempt."""

    choice: AgentChoice
    request: Json
    filled: dict[str, str]
    timeout_ms: int
    queue_timeout_ms: int


Needs = Callable[[Work], Sequence[str]]
"""Names of the inputs that the capability of a step cannot do without."""


def join(statuses: Sequence[str], run_when: str) -> str | None:
    """Why a step is skipped, or None when it runs. All its dependencies are done (R18, §5)."""
    failures = "failed" in statuses or "compensated" in statuses
    completed = "completed" in statuses
    match run_when:
        case "all_done":
            return None
        case "any_failed":
            return None if failures else "upstream"
        case "any_completed":
            return None if completed else "upstream"
        case "all_completed":
            return None if all(status == "completed" for status in statuses) else "upstream"
        case _ if failures:
            return "upstream_failed"
        case _:
            return None if completed or not statuses else "upstream"


def decide(work: Work, needs: Needs) -> Completion | Call:
    """What becomes of a step whose dependencies are done, and which is not open."""
    node, facts = work.node, work.facts
    if node.joins or node.step.run_when != "none_failed":
        reason = join([facts.status(path) for path in node.joins], node.step.run_when)
        if reason:
            return _skipped(work, reason)
    if work.claim.c >= crash_limit(work):
        message = f"its replica died {work.claim.c} times while it ran"
        return broken(work, TaskError("step.crash_loop", message))
    try:
        if node.condition is not None and not node.condition.test(work.names()):
            return _skipped(work, "condition")
        return _first_look(work, needs)
    except ExpressionFailed as problem:
        return broken(work, TaskError(problem.code, str(problem)))


def crash_limit(work: Work) -> int:
    """Deaths of replicas in whose hands a step may have been before it is given up (R12).

    What runs in the replica may be what kills it; a call elsewhere is hardly to blame.
    """
    elsewhere = work.node.kind == "agent" and not work.in_process
    return CRASH_LIMIT_REMOTE if elsewhere else CRASH_LIMIT_LOCAL


def _skipped(work: Work, reason: str) -> Completion:
    record: Record = {"status": "skipped", "reason": reason, "ended_ms": work.now_ms}
    return Completion("S", record, succ=work.node.succ)


def _now(work: Work) -> Record:
    return {"started_ms": work.now_ms, "ended_ms": work.now_ms, "attempts": work.claim.attempt}


def _first_look(work: Work, needs: Needs) -> Completion | Call:
    node = work.node
    match node.kind:
        case "agent":
            return _call(work, needs)
        case "transform":
            return _completed(work, _rendered(work, node.input))
        case "set":
            values: Mapping[str, Json] = _rendered(work, node.input)
            made = _completed(work, None)
            made.vars = "\n".join(
                f"{k}\t{msgspec.json.encode(v).decode()}" for k, v in values.items()
            )
            return made
        case "emit":
            return _emitted(work)
        case "output":
            return output_step(work)
        case "wait":
            return waiting(work)
        case _:
            return opening(work)


def _rendered(work: Work, template: Template | None) -> Json:
    if template is None:
        return {}
    value = template.render({} if template.constant else work.names())
    return None if value is NOTHING else value


def _completed(work: Work, output: Json) -> Completion:
    """A step of the engine's own: done as soon as it is looked at."""
    if work.node.output is not None:
        output = work.node.output.render({**work.names(), "result": output, "request": {}})
        output = None if output is NOTHING else output
    record: Record = {"status": "completed", "output": output, **_now(work)}
    return Completion("C", record, succ=work.node.succ)


def _emitted(work: Work) -> Completion:
    payload = _rendered(work, work.node.payload)
    # As the bus stores what is published: type, source, key, data.
    event = msgspec.json.encode(
        [work.node.step.event_type, EMIT_SOURCE, work.claim.execution, payload]
    )
    if len(event) > EMIT_MAX_BYTES:
        error = TaskError("expression.limit", f"the payload is over {EMIT_MAX_BYTES} bytes")
        return broken(work, error)
    made = _completed(work, None)
    made.record["payload"] = payload
    made.emit = event.decode()
    return made


# --- agents -------------------------------------------------------------------------------------


def _call(work: Work, needs: Needs) -> Call:
    step = work.node.step
    assert step.agent is not None
    request = _rendered(work, work.node.input)
    filled: dict[str, str] = {}
    if step.context == "auto" and isinstance(request, dict):
        request = cast("dict[str, Json]", request)
        missing = [name for name in needs(work) if name not in request]
        if missing:
            request, filled = _filled(work, request, missing)
    return Call(step.agent, request, filled, step.timeout_ms, step.queue_timeout_ms)


def _filled(
    work: Work, request: dict[str, Json], missing: Sequence[str]
) -> tuple[dict[str, Json], dict[str, str]]:
    """Inputs found by name: the nearest earlier step first, its output, then its request (§6)."""
    facts = work.facts
    assert facts.envelope is not None
    made, filled = dict(request), dict[str, str]()
    given = facts.envelope.input
    for name in missing:
        places: list[tuple[str, Json]] = []
        for path in work.node.earlier:
            record = facts.records.get(path, {})
            if record.get("status") == "completed":
                places += [(f"steps.{path}.output", record.get("output"))]
                places += [(f"steps.{path}.input", record.get("input"))]
        found: list[tuple[str, Json]] = []
        for where, part in places:
            inner = cast("dict[str, Json]", part) if isinstance(part, dict) else {}
            if inner.get(name) is not None:
                found.append((f"{where}.{name}", inner[name]))
        if isinstance(given, dict):
            found += [(f"input.{n}", given[n]) for n in (name, f"input_{name}") if n in given]
        if found:
            filled[name], made[name] = found[0]
    return made, filled


def after_call(
    work: Work, call: Call, result: TaskResult, elapsed: Failure, uniform: Callable[[], float]
) -> Completion:
    """What to record about the answer of an agent. `elapsed` has the record and the clocks."""
    record = elapsed.record
    if result.error is not None:
        return failed(
            work, Failure(result.error, record, elapsed.elapsed_ms, elapsed.left_ms), uniform
        )
    output, node = result.output, work.node
    if node.schema is not None and (wrong := node.schema.errors(output)):
        found = "; ".join(f"{pointer or '/'}: {message}" for pointer, message in wrong[:5])
        error = TaskError("output.invalid", f"the answer does not fit the step's schema: {found}")
        return failed(work, Failure(error, record, elapsed.elapsed_ms, elapsed.left_ms), uniform)
    if node.output is not None:
        names: Names = {**work.names(), "result": output, "request": call.request}
        try:
            output = node.output.render(names)
        except ExpressionFailed as problem:
            error = TaskError(problem.code, str(problem), definite=False)
            return failed(work, Failure(error, record))
        output = None if output is NOTHING else output
    undo = node.undo.entry if node.undo is not None else ""
    done = {**record, "status": "completed", "output": output}
    return Completion("C", done, succ=node.succ, undo=undo)
