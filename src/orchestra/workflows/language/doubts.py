"""What can be saved and is probably not meant: warnings about skips, retries, compensations."""

from collections.abc import Iterator
from typing import Final

from orchestra.workflows.language.definition import Definition, RetryPolicy, Scope, Step
from orchestra.workflows.language.durations import parsed_ms, shown
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.graphs import Plans
from orchestra.workflows.language.names import standing
from orchestra.workflows.language.outline import Block, Node
from orchestra.workflows.language.uses import Use, Uses

_LENIENT: Final = ("none_failed", "any_completed")


def skips(use: Use, uses: Uses, plans: Plans, found: Findings) -> None:
    """Warn of outputs that may be absent and are read as if they were there."""
    if use.place.kind == "undo":
        return
    soft = {r.path[1] for r in use.references if _about_step(r.path) and not r.strict}
    for reference in use.references:
        path = reference.path
        if not reference.strict or path[:1] != ("steps",) or path[2:3] != ("output",):
            continue
        target = use.block.visible(path[1])
        if target is None or path[1] in soft or not plans.may_be_skipped(target):
            continue
        me = standing(use, target.scope)
        if me is None or not (me is target or _guarded(me, path[1], uses, plans)):
            text = (
                f"'{path[1]}' may be skipped, and then has no output: use 'steps.{path[1]}.?output'"
            )
            at = reference.position + len(f"steps.{path[1]}.")
            fix = None
            if use.text.startswith(f"steps.{path[1]}.output", reference.position):
                value = f"{use.text[:at]}?{use.text[at:]}"
                fix = [{"op": "replace", "path": use.at, "value": value}]
            found.warning("expression.maybe_skipped", use.at, text, related=[target.at], fix=fix)


def _about_step(path: tuple[str, ...]) -> bool:
    return path[0] == "steps" and len(path) > 1


def _guarded(me: Node, name: str, uses: Uses, plans: Plans) -> bool:
    """Whether `me` runs only when the step `name` completed, or asks before it reads."""
    plan = plans.of(me.scope)
    joins = plan[me.id].joins if plan else ()
    when = me.step.get("run_when", "none_failed")
    if name in joins and (when == "all_completed" or (len(joins) == 1 and when in _LENIENT)):
        return True
    for use in uses.within(me):
        for reference in use.references:
            if reference.path[:2] != ("steps", name):
                continue
            asks = use.place.kind == "condition" and not reference.strict
            if asks or reference.path[2:3] == ("status",):
                return True
    return False


def compensations(use: Use, found: Findings) -> None:
    """Warn of a compensation that cannot run when the step's outcome is unknown."""
    if use.place.kind != "undo" or use.node is None:
        return
    if not use.node.step["compensate"].get("when_uncertain", True):
        return
    for reference in use.references:
        if reference.strict and reference.path[0] == "result" and len(reference.path) > 1:
            at = reference.position + len("result.")
            fix = None
            if use.text.startswith("result.", reference.position):
                value = f"{use.text[:at]}?{use.text[at:]}"
                fix = [{"op": "replace", "path": use.at, "value": value}]
            text = "the outcome may be unknown, and then 'result' is empty: use 'result.?…'"
            found.warning("step.compensate_needs_result", use.at, text, fix=fix)


def unreachable(node: Node, uses: Uses, found: Findings) -> None:
    """Warn of steps and cases that never run."""
    settled = False
    for use in uses.own(node):
        if use.place.kind != "condition":
            continue
        at = use.at.rpartition("/")[0]
        if use.constant is False or (settled and at != node.at):
            found.warning("step.unreachable", at, "never runs")
        settled = settled or (use.constant is True and at != node.at)
    if settled and "default" in node.step:
        text = "never runs: a case before it is always true"
        found.warning("step.unreachable", f"{node.at}/default", text)


def patience(definition: Definition, body: Block, found: Findings) -> None:
    """Warn of retries that a clock cuts off."""
    for node, step in _pairs(body, definition.body):
        if step.type != "agent":
            continue
        limit, clock = definition.timeout_ms, "timeout of the definition"
        if step.total_timeout_ms is not None and step.total_timeout_ms < limit:
            limit, clock = step.total_timeout_ms, "total_timeout"
        waiting = _delays_ms(step.retry)
        at = node.at + ("/retry" if "retry" in node.step else "")
        if waiting >= limit:
            text = f"the delays between attempts may add up to {shown(waiting)}, the {clock} is "
            found.warning("step.retry_outlasts_timeout", at, text + shown(limit))
        elif step.timeout_ms > limit:
            text = f"one attempt may take {shown(step.timeout_ms)}, the {clock} is {shown(limit)}"
            found.warning("step.retry_outlasts_timeout", at, text)


def waits(definition: Definition, body: Block, found: Findings) -> None:
    """Warn of waits that the clock of the whole execution cuts off."""
    for node, step in _pairs(body, definition.body):
        if step.wait is None:
            continue
        key = "for" if step.wait.kind == "for" else "timeout"
        longest = parsed_ms(step.wait.time) if key == "for" else step.wait.timeout_ms
        if longest and longest >= definition.timeout_ms:
            limit = shown(definition.timeout_ms)
            text = f"may wait {shown(longest)}, the timeout of the definition is {limit}"
            found.warning("step.wait_outlasts_timeout", f"{node.at}/{key}", text)


def _pairs(block: Block, scope: Scope) -> Iterator[tuple[Node, Step]]:
    for node, step in zip(block.nodes, scope.steps, strict=True):
        yield node, step
        inner = [case.scope for case in step.cases] + ([step.default] if step.default else [])
        inner += [branch.scope for branch in step.branches]
        inner += [rule.steps for rule in step.on_error if rule.steps is not None]
        for below, steps in zip(node.inner, inner, strict=True):
            yield from _pairs(below, steps)


def _delays_ms(policy: RetryPolicy) -> int:
    """The longest all delays of a policy can be together."""
    tries = range(1, policy.max_attempts)
    total = sum(policy.backoff.delay_ms(tried, lambda: 1.0) for tried in tries)
    return total if policy.max_elapsed_ms is None else min(total, policy.max_elapsed_ms)
