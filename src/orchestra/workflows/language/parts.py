"""Where a normalised step holds conditions, templates and scopes. Nobody else walks a step."""

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from orchestra.workflows.expressions import Program, Template
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.kinds import is_list, is_object
from orchestra.workflows.language.positions import escaped

PlaceKind = Literal["condition", "request", "data", "result", "undo", "error", "inner"]
_WRAPPED: Final = re.compile(r"\s*\$\{(.*)\}\s*", re.DOTALL)
_DATA: Final = {
    "transform": ("input_data",),
    "set": ("vars",),
    "emit": ("payload",),
    "wait": ("for", "until"),
}


class Place(msgspec.Struct, frozen=True):
    """A condition or a template. `kind` says which names it may use.

    `request` goes to an agent, `data` stays with us, `result` is a step's `output`, `undo` a
    compensation, `error` a rule's output, `inner` the output of a case or a branch.
    """

    kind: PlaceKind
    at: str
    value: Json


class Inner(msgspec.Struct, frozen=True):
    """A scope inside a step. `shared`: its ids live in the namespace of the step itself."""

    role: Literal["case", "default", "branch", "handler"]
    at: str
    steps: list[Json]
    branch: str = ""
    output: Json | msgspec.UnsetType = msgspec.UNSET
    output_at: str = ""


def bare(condition: str) -> str:
    """The source of a condition; `${…}` around it is allowed."""
    whole = _WRAPPED.fullmatch(condition)
    return whole.group(1) if whole else condition


def places(step: dict[str, Json], at: str) -> Iterator[Place]:
    """Every condition and template of the step itself, `compensate` included."""
    if "if" in step:
        yield Place("condition", f"{at}/if", step["if"])
    yield from _of_type(step, at)
    for n, case in enumerate(objects(step.get("cases"))):
        if "when" in case:
            yield Place("condition", f"{at}/cases/{n}/when", case["when"])
    if "output" in step:
        yield Place("result", f"{at}/output", step["output"])
    for n, rule in enumerate(objects(step.get("on_error"))):
        if "output" in rule:
            yield Place("error", f"{at}/on_error/{n}/output", rule["output"])
    undo = step.get("compensate")
    if is_object(undo) and "input_data" in undo:
        yield Place("undo", f"{at}/compensate/input_data", undo["input_data"])


def _of_type(step: dict[str, Json], at: str) -> Iterator[Place]:
    """What the step works with."""
    if step["type"] == "agent" and "input_data" in step:
        yield Place("request", f"{at}/input_data", step["input_data"])
    for key in _DATA.get(step["type"], ()):
        if key in step:
            yield Place("data", f"{at}/{key}", step[key])
    rule = step.get("on_timeout")
    if is_object(rule) and "output" in rule:
        yield Place("data", f"{at}/on_timeout/output", rule["output"])


def scopes(step: dict[str, Json], at: str) -> Iterator[Inner]:
    """The scopes inside the step, in the order they are written."""
    for n, case in enumerate(objects(step.get("cases"))):
        here = f"{at}/cases/{n}"
        yield _inner("case", here, case)
    if is_list(step.get("default")):
        yield Inner("default", f"{at}/default", step["default"])
    for n, branch in enumerate(objects(step.get("branches"))):
        yield _inner("branch", f"{at}/branches/{n}", branch)
    for n, rule in enumerate(objects(step.get("on_error"))):
        if is_list(rule.get("steps")):
            yield Inner("handler", f"{at}/on_error/{n}/steps", rule["steps"])


def _inner(role: Literal["case", "branch"], at: str, part: dict[str, Json]) -> Inner:
    steps = part.get("steps")
    output = part.get("output", msgspec.UNSET)
    branch = str(part.get("id", "")) if role == "branch" else ""
    found = steps if is_list(steps) else []
    return Inner(role, f"{at}/steps", found, branch, output, f"{at}/output")


def objects(value: Json) -> list[dict[str, Json]]:
    """The objects of a list; what could not be read is an empty one, so that indexes stay."""
    return [item if is_object(item) else {} for item in value] if is_list(value) else []


def texts(value: Json, at: str) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of every string of a template that may hold an expression."""
    pending: list[tuple[str, Json]] = [(at, value)]
    while pending:
        here, item = pending.pop()
        if type(item) is str:
            if "${" in item:
                yield here, item
        elif is_object(item):
            pending += [(f"{here}/{escaped(key)}", part) for key, part in reversed(item.items())]
        elif is_list(item):
            pending += [(f"{here}/{n}", item[n]) for n in range(len(item) - 1, -1, -1)]


def programs(place: Place) -> Iterator[Program]:
    """Every expression of the place, compiled. Raises Malformed."""
    if place.kind == "condition":
        yield Program(bare(place.value))
        return
    for _, text in texts(place.value, place.at):
        yield from Template(text).programs()
