"""Steps that contain steps: how they open, and what they amount to when they close. Pure."""

from orchestra.agents import TaskError
from orchestra.workflows.expressions import NOTHING, ExpressionFailed, Template
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import (
    Names,
    Record,
    Work,
    first_failure,
    last_output,
    names_inside,
)
from orchestra.workflows.planning.failing import Completion, Failure, failed, reopened, unhandled
from orchestra.workflows.planning.plan import Choice, Node, Steps
from orchestra.workflows.planning.waiting import woken


def opening(work: Work) -> Completion:
    """Open a switch, a parallel step or a branch. Raises ExpressionFailed."""
    node = work.node
    record: Record = {"status": "running", "try": work.claim.k, "started_ms": work.now_ms}
    record["attempts"] = work.claim.attempt
    if node.kind == "branch":
        assert node.branch is not None
        return _opened(work, record, node.branch.nodes)
    if node.kind == "parallel":
        made = _opened(work, record, node.branches)
        left = len(node.branches) - node.step.join
        losses = left if node.step.fail_fast else len(node.branches)
        done = sum(work.facts.status(b.path) == "completed" for b in node.branches)
        made.spawn = f"join\t{node.step.join - done}\t{losses}\n{made.spawn}"
        return made
    for choice in node.choices:
        if choice.when is None or choice.when.test(work.names()):
            record["case"] = choice.name
            if choice.steps is not None:
                return _opened(work, record, choice.steps.nodes)
            return _completed(work, record, None)
    raise AssertionError("a switch has a default, if only an empty one")


def _opened(work: Work, record: Record, nodes: tuple[Node, ...]) -> Completion:
    return Completion("O", record, spawn=reopened(nodes, work.facts))


def chosen(node: Node, record: Record) -> Choice:
    """The case a switch went through, by its record."""
    return next(choice for choice in node.choices if choice.name == record.get("case"))


def contents(node: Node, record: Record) -> tuple[Node, ...]:
    """The nodes a step opened, by its own record: they must be known before it is closed."""
    if "handler" in record:
        handler = node.rules[int(record["handler"])].handler
        return handler.nodes if handler else ()
    if node.kind == "branch":
        return node.branch.nodes if node.branch else ()
    if node.kind == "parallel":
        return node.branches
    if node.kind == "wait":
        return ()
    steps = chosen(node, record).steps
    return steps.nodes if steps else ()


def closing(work: Work) -> Completion:
    """A container whose contents are done, or decided: complete or fail it. Or a step that waited.

    Raises CorruptRecord.
    """
    node, facts = work.node, work.facts
    record = dict(facts.records[node.path])
    if node.kind == "wait" and "handler" not in record:
        return _answered(work, record)
    record.pop("try", None)
    record["ended_ms"] = work.now_ms
    number: int | None = record.pop("handler", None)
    try:
        if number is not None:
            handler = node.rules[number].handler
            assert handler is not None
            return _closed(work, record, handler, None, handled=True)
        if node.kind == "branch":
            assert node.branch is not None
            return _closed(work, record, node.branch, node.output)
        if node.kind == "parallel":
            return _joined(work, record)
        choice = chosen(node, record)
        assert choice.steps is not None
        return _closed(work, record, choice.steps, choice.output)
    except ExpressionFailed as problem:
        return failed(work, Failure(TaskError(problem.code, str(problem)), record))


def _answered(work: Work, record: Record) -> Completion:
    try:
        return woken(work)
    except ExpressionFailed as problem:
        ended: Record = {**record, "ended_ms": work.now_ms}
        return failed(work, Failure(TaskError(problem.code, str(problem)), ended))


def _closed(
    work: Work, record: Record, steps: Steps, output: Template | None, *, handled: bool = False
) -> Completion:
    """A scope of steps: its first unhandled failure, or its output."""
    failure = first_failure(steps, work.facts)
    if failure is not None:
        return _failed_inside(work, record, failure, handled=handled)
    if output is not None:
        made: Json = output.render(names_inside(work.names(), steps, work.facts))
        made = None if made is NOTHING else made
    else:
        made = last_output(steps, work.facts)
    return _completed(work, record, made, templated=work.node.kind != "branch")


def _completed(work: Work, record: Record, output: Json, *, templated: bool = True) -> Completion:
    if templated and work.node.output is not None:
        names: Names = {**work.names(), "result": output, "request": record.get("input", {})}
        output = work.node.output.render(names)
        output = None if output is NOTHING else output
    done = {**record, "status": "completed", "output": output, "ended_ms": work.now_ms}
    return Completion("C", done, succ=work.node.succ)


def _failed_inside(work: Work, record: Record, failure: Node, *, handled: bool) -> Completion:
    """The container fails as the step inside it did; its own `on_error` may handle that."""
    inner = work.facts.records[failure.path]["error"]
    record["cause"] = failure.path
    if handled:  # the handler itself failed: its step has no further rule for that
        return unhandled(work, {**record, "error": inner})
    error = TaskError(inner["code"], inner["message"], problem=inner.get("problem"))
    return failed(work, Failure(error, record))


def _joined(work: Work, record: Record) -> Completion:
    """A parallel step: enough branches completed, or too many did not."""
    node, facts = work.node, work.facts
    completed = [b for b in node.branches if facts.status(b.path) == "completed"]
    wanted = node.step.join
    if len(completed) < wanted:
        failures = [b for b in node.branches if facts.status(b.path) == "failed"]
        first = min(failures, key=lambda b: facts.records[b.path].get("ended_ms", 0))
        return _failed_inside(work, record, first, handled=False)
    if wanted < len(node.branches):
        completed.sort(key=lambda b: facts.records[b.path].get("ended_ms", 0))
        names = {b.path for b in completed[:wanted]}
        completed = [b for b in node.branches if b.path in names]
    output = {branch.step.id: facts.records[branch.path].get("output") for branch in completed}
    return _completed(work, record, output)


def output_step(work: Work) -> Completion:
    """The hidden last step: a failure that was let run on ends the execution; else its output."""
    plan, facts, body = work.plan, work.facts, work.plan.body
    record: Record = {"started_ms": work.now_ms, "ended_ms": work.now_ms, "attempts": 1}
    failure = first_failure(body, facts)
    if failure is not None:
        record |= {"error": facts.records[failure.path]["error"], "cause": failure.path}
        return unhandled(work, record)
    if work.node.output is not None:
        output: Json = work.node.output.render(work.names())
        output = None if output is NOTHING else output
    else:
        output = last_output(body, facts)
    if plan.output_schema is not None and (wrong := plan.output_schema.errors(output)):
        found = "; ".join(f"{pointer or '/'}: {message}" for pointer, message in wrong[:5])
        error = TaskError("output.invalid", f"the output does not fit output_schema: {found}")
        return failed(work, Failure(error, record))
    return Completion("C", {**record, "status": "completed", "output": output})
