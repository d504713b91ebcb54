"""What follows a failure: retry, then `on_error`, then the scope fails (WORKFLOWS.md R21). Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestra.agents import TaskError
from orchestra.workflows.expressions import NOTHING, ExpressionFailed
from orchestra.workflows.language.definition import Json, RetryPolicy
from orchestra.workflows.planning.facts import Claim, Facts, Names, Record, Work
from orchestra.workflows.planning.plan import Node, Rule, spawn_lines

CRASH_LIMIT_LOCAL, CRASH_LIMIT_REMOTE = 3, 10
MESSAGE_MAX = 4096
CALL_MAX = 200
_KEPT = ("agent", "usage", "queued_ms", "started_ms", "ended_ms", "attempts")

_TRIED_AGAIN = frozenset(
    (
        "agent.error",
        "agent.invalid_response",
        "output.invalid",
        "agent.rate_limited",
        "agent.unavailable",
        "agent.lost",
        "timeout.attempt",
        "timeout.heartbeat",
    )
)


@dataclass(slots=True)
class Completion:
    """The arguments of `step_complete` that follow from a decision; `record` is what is kept."""

    out: str
    record: Record
    succ: str = ""
    end: str = ""
    escalate: str = ""
    undo: str = ""
    spawn: str = ""
    emit: str = ""
    vars: str = ""
    delay_ms: int = 0
    bump: int = 0


@dataclass(slots=True)
class Failure:
    """A failed attempt, and when its step first became ready and was last looked at."""

    error: TaskError
    record: Record
    """What is known so far: input, filled, agent, started_ms, ended_ms, attempts."""
    elapsed_ms: int = 0
    """Since the step was first ready, pauses excluded."""
    left_ms: int | None = None
    """Of `total_timeout`; None when there is none."""


def error_record(error: TaskError, attempt: int, agent: str | None, at_ms: int) -> Record:
    """An error as WORKFLOWS.md §8 shows it; `at_ms` becomes `at` when it is shown."""
    made: Record = {
        "code": error.code,
        "message": error.message[:MESSAGE_MAX],
        "attempt": attempt,
        "agent": agent,
        "at_ms": at_ms,
    }
    if error.problem:
        made["problem"] = error.problem
    return made


def matches(code: str, patterns: Iterable[str]) -> bool:
    """`agent.error` exactly, `agent.*` and all below it, `*` everything."""
    return any(p in ("*", code) or (p.endswith(".*") and code.startswith(p[:-1])) for p in patterns)


def retry_delay_ms(
    policy: RetryPolicy, failure: Failure, tried: int, uniform: Callable[[], float]
) -> int | None:
    """Milliseconds until the next attempt, or None when there is none (R15, R16)."""
    error = failure.error
    yes = error.code in _TRIED_AGAIN if error.retryable is None else error.retryable
    if policy.on:
        yes = matches(error.code, policy.on)
    if not yes or matches(error.code, policy.not_on) or tried >= policy.max_attempts:
        return None
    delay = policy.backoff.delay_ms(tried, uniform, error.retry_after_ms or 0)
    limits = [x for x in (policy.max_elapsed_ms,) if x is not None]
    if any(failure.elapsed_ms + delay > limit for limit in limits):
        return None
    if failure.left_ms is not None and delay >= failure.left_ms:
        return None
    return delay


def failed(work: Work, failure: Failure, uniform: Callable[[], float] | None = None) -> Completion:
    """What to record about a failed attempt. Without `uniform` nothing is tried again."""
    node, claim, error = work.node, work.claim, failure.error
    record, ended_ms = failure.record, failure.record["ended_ms"]
    shown = error_record(error, claim.attempt, record.get("agent"), ended_ms)
    certain = error.definite and _all_definite(claim)
    undo = _undo(node, certain=certain)
    if uniform is not None:
        delay = retry_delay_ms(node.step.retry, failure, claim.attempt, uniform)
        if delay is not None:
            off = undo if certain else ""
            bump = 1 if error.definite else 0
            return Completion("Y", again(record, shown, delay), undo=off, delay_ms=delay, bump=bump)
    record = {**record, "error": shown}
    for rule in node.rules:
        if matches(error.code, rule.written.match):
            return _ruled(work, rule, record, undo)
    return unhandled(work, record, undo)


def again(record: Record, shown: Record, delay_ms: int) -> Record:
    """What is kept of an attempt that another one follows: also what it took."""
    kept = {name: record[name] for name in _KEPT if name in record}
    if calls := record.get("calls"):
        kept["calls"] = [_brief(call) for call in calls]
    return {"status": "retrying", "error": shown, "delay_ms": delay_ms} | kept


def _brief(call: Record) -> Record:
    """A call with why its agent was chosen; what it said is cut, for every retry keeps it."""
    error = call.get("error")
    if not error:
        return call
    return {**call, "error": {**error, "message": str(error.get("message", ""))[:CALL_MAX]}}


def broken(work: Work, error: TaskError) -> Completion:
    """A failure before any agent was asked, or without anybody to ask again."""
    now_ms = work.now_ms
    record: Record = {"started_ms": now_ms, "ended_ms": now_ms, "attempts": work.claim.attempt}
    return failed(work, Failure(error, record))


def _all_definite(claim: Claim) -> bool:
    """Whether every claim before this one ended in a definite failure: none was lost or stopped."""
    return claim.u == claim.k and claim.n == claim.u + 1


def _undo(node: Node, *, certain: bool) -> str:
    """The change to the undo stack: an effect that certainly did not happen is taken off."""
    if node.undo is None:
        return ""
    if certain or not node.undo.written.when_uncertain:
        return "-" + node.undo.entry
    return node.undo.entry


def _ruled(work: Work, rule: Rule, record: Record, undo: str) -> Completion:
    """The first rule of `on_error` that fits."""
    written = rule.written
    match written.do:
        case "continue":
            names = {**work.names(), "error": shown_error(record["error"])}
            try:
                output: Json = rule.output.render(names)
            except ExpressionFailed as problem:
                return unhandled(work, {**record, "error": _rendering(work, problem)}, undo)
            output = None if output is NOTHING else output
            done = {**record, "status": "completed", "output": output}
            return Completion("C", done, succ=work.node.succ, undo=undo)
        case "steps":
            assert rule.handler is not None
            number = work.node.rules.index(rule)
            opened = {**record, "status": "running", "handler": number, "try": work.claim.k}
            spawn = reopened(rule.handler.nodes, work.facts)
            return Completion("O", opened, spawn=spawn, undo=undo)
        case "fail":
            error = dict(record["error"])
            error["code"] = written.error or error["code"]
            error["message"] = written.message or error["message"]
            return unhandled(work, {**record, "error": error}, undo)
        case "rollback":
            return unhandled(work, record, undo, end="B")


def _rendering(work: Work, problem: ExpressionFailed) -> Record:
    error = TaskError(problem.code, str(problem))
    return error_record(error, work.claim.attempt, None, work.now_ms)


def shown_error(error: Record) -> Names:
    """An error as expressions see it."""
    return {name: error[name] for name in ("code", "message", "attempt", "agent") if name in error}


def unhandled(work: Work, record: Record, undo: str = "", end: str = "") -> Completion:
    """The step failed and nothing handles it: a tolerant follower goes on, else its scope fails."""
    node, definition = work.node, work.plan.definition
    made = Completion("F", {**record, "status": "failed"}, undo=undo)
    if end:
        made.end = end
    elif node.tolerated:
        made.succ = node.succ
    elif node.scope.path == "":
        if node.scope.sequence or definition.fail_fast or node.kind == "output":
            made.end = work.plan.on_failure
        else:
            made.succ = node.succ
    elif node.kind != "branch":
        made.escalate = "1"
    return made


def cancelled(work: Work, record: Record, *, unknown: bool) -> Completion:
    """A step stopped in hand: a fact, without consequences of its own (R22, R32)."""
    claim = work.claim
    error = TaskError("cancelled", "stopped while it ran", definite=not unknown)
    shown = error_record(error, claim.attempt, record.get("agent"), record["ended_ms"])
    certain = not unknown and _all_definite(claim)
    undo = _undo(work.node, certain=certain)
    return Completion("F", {**record, "status": "failed", "error": shown}, undo=undo)


def reopened(nodes: tuple[Node, ...], facts: Facts) -> str:
    """Spawn lines of a scope that is opened again: what completed is kept (R36)."""
    done = frozenset(n.path for n in nodes if facts.status(n.path) == "completed")
    return spawn_lines(nodes, done)
