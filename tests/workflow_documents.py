"""Definitions for tests: valid ones, of which a test changes what it is about."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestra.workflows.language.validation import Checked, Finding, check

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
        **{key.rstrip("_"): value for key, value in fields.items()},
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


_ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, "", "x", "${", "${input", "30s", "*", 10**18, "a" * 5_000),
    *([], {}, [[]], {"": ""}, ["a"], {"steps": []}, {"type": "agent"}, {"agent_type": "t"}),
]
_KEYS = ("id", "type", "agent", "x", "dependsOn", "retry", "steps", "timeout", "vars", "effect")


def mutants(count: int, seed: int) -> list[Any]:
    """Definitions with one to four parts replaced, dropped, added or repeated."""
    chance = random.Random(seed)
    return [_mutant(chance) for _ in range(count)]


def _mutant(chance: random.Random) -> Any:
    short = {"name": "w", "steps": SHORT_STEPS}
    document = chance.choice([example("customer-support"), copy.deepcopy(short)])
    for _ in range(chance.randint(1, 4)):
        places = list(_containers(document))
        if not places:
            break
        _change(chance.choice(places), chance)
    return document


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list) and value:
        yield value
        items: Any = value.values() if isinstance(value, dict) else value
        for item in items:
            yield from _containers(item)


def _change(place: Any, chance: random.Random) -> None:
    key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
    match chance.randrange(4):
        case 0:
            del place[key]
        case 1 if isinstance(place, dict):
            place[chance.choice(_KEYS)] = copy.deepcopy(chance.choice(_ODD))
        case 2 if isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        case _:
            place[key] = copy.deepcopy(chance.choice(_ODD))
