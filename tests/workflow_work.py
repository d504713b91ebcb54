"""Claimed steps for tests of pure decisions."""

from typing import Any

from orchestra.workflows.language.reading import definition_of
from orchestra.workflows.language.validation import check
from orchestra.workflows.planning.compiling import compile_plan
from orchestra.workflows.planning.facts import Claim, Envelope, Facts, Record, Work
from orchestra.workflows.planning.plan import Plan

NOW_MS = 1_000_000


def a_plan(*steps: dict[str, Any], **fields: Any) -> Plan:
    """A definition of these steps, compiled."""
    checked = check({"name": "w", "steps": list(steps), **fields}, b"")
    assert checked.normalised is not None, checked.findings
    return compile_plan("digest", definition_of(checked.normalised))


def a_claim(path: str, **more: Any) -> Claim:
    """The first claim of a step."""
    claim = Claim(f"2|t|exe_1/{path}", "1.0.0.0.s", "exe_1", path, "default", 1, 0, 0, 0, NOW_MS)
    for name, value in more.items():
        setattr(claim, name, value)
    return claim


def a_work(step: dict[str, Any], *others: dict[str, Any], **more: Any) -> Work:
    """Work on a step beside those others; `records`, `given`, `claim`, `document` as needed."""
    plan = a_plan(*others, step, **more.get("document", {}))
    envelope = Envelope(more.get("given", {}), "wfl_1", "w", 1, NOW_MS)
    records: dict[str, Record] = more.get("records", {})
    path = more.get("path", step["id"])
    claim = a_claim(path, **more.get("claim", {}))
    return Work(plan, plan.nodes[path], claim, Facts(envelope, records), NOW_MS)
