"""Definitions for tests: valid ones, of which a test changes what it is about."""

import json
from pathlib import Path
from typing import Any

from orchestra.workflows.validation import Checked, Finding, check

EXAMPLES = Path(__file__).parents[1] / "examples"

SHORT_STEPS: list[dict[str, Any]] = [
    {
        "agent_type": "text_processor",
        "task_type": "sentiment_analysis",
        "text": "I'm disappointed with my recent order...",
    },
    {"agent_type": "text_processor", "task_type": "text_analysis", "analysis_type": "intent"},
    {"agent_type": "data_analyzer", "task_type": "data_summary", "data": [{"order": 1}]},
]


def a_step(name: str = "first", **fields: Any) -> dict[str, Any]:
    """An agent step with that id; a field `if_` is `if`."""
    return {"id": name, "agent_type": "t", **{key.rstrip("_"): v for key, v in fields.items()}}


def a_document(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition of these steps."""
    return {"name": "w", "steps": list(steps) or [a_step()], **fields}


def a_switch(name: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A switch with one case that depends on the input."""
    return {
        "id": name,
        "type": "switch",
        "cases": [{"when": "input.x == 1", "steps": list(steps)}],
        **fields,
    }


def a_parallel(name: str, **branches: list[dict[str, Any]]) -> dict[str, Any]:
    """A parallel step with these branches."""
    parts = [{"id": branch, "steps": steps} for branch, steps in branches.items()]
    return {"id": name, "type": "parallel", "branches": parts}


def checked(document: object) -> Checked:
    """The document checked with its text, as a client would send it."""
    return check(document, json.dumps(document).encode())


def found(document: object, code: str) -> Finding:
    """The one finding with this code."""
    findings = checked(document).findings
    fitting = [finding for finding in findings if finding.code == code]
    assert len(fitting) == 1, [(f.code, f.pointer, f.message) for f in findings]
    return fitting[0]


def codes(document: object) -> list[str]:
    """Codes of everything found."""
    return [finding.code for finding in checked(document).findings]


def example(name: str) -> Any:
    """A document of `examples/`."""
    return json.loads((EXAMPLES / f"{name}.json").read_text())
