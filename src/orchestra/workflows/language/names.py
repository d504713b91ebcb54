"""What each expression reads: is the name known here, is the step visible, can it be done yet."""

from collections.abc import Iterable, Mapping
from typing import Final

from orchestra.workflows.expressions import Reference
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.edges import is_graph
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_list, is_object
from orchestra.workflows.language.outline import Block, Node, every_node
from orchestra.workflows.language.tables import LATER_TYPES, NAMES
from orchestra.workflows.language.uses import Use

_MORE: Final = {
    "result": ("result", "request"),
    "undo": ("result", "request", "error"),
    "error": ("error",),
}
_WHERE: Final = {
    "result": "in 'output' and 'compensate'",
    "request": "in 'output' and 'compensate'",
    "error": "in 'on_error' and 'compensate'",
    "item": "in 'map' steps",
    "index": "in 'map' steps",
    "iteration": "in 'loop' steps",
    "event": "in filters of events",
}
STEP_FIELDS: Final = (
    *("status", "output", "error", "attempts", "failed", "case", "reason"),
    *("started_at", "ended_at"),
)
_FIELDS: Final = {
    "execution": ("id", "status", "tenant", "labels", "started_at"),
    "workflow": ("id", "name", "version"),
}
_ABOUT_ALL: Final = ("allOf", "anyOf", "oneOf", "$ref", "if", "patternProperties", "$dynamicRef")


class NameCheck:
    """Checks references against one definition."""

    def __init__(self, definition: Mapping[str, Json], body: Block, found: Findings) -> None:
        self._found = found
        self._input_schema = definition.get("input_schema")
        self._places = {node.id: node.at for node in every_node(body)}
        self._vars = _variables(definition, body)

    def check(self, use: Use) -> None:
        """Report every reference of `use` that cannot work."""
        allowed = _allowed(use)
        for reference in use.references:
            root = reference.path[0]
            if root not in allowed:
                self._unknown_root(use, reference, allowed)
            elif root == "steps":
                self._step(use, reference)
            elif root == "input":
                self._input(use, reference)
            elif root == "vars":
                self._variable(use, reference)
            elif root in _FIELDS:
                self._field(use, reference, 1, _FIELDS[root])

    def _unknown_root(self, use: Use, reference: Reference, allowed: Iterable[str]) -> None:
        root = reference.path[0]
        if use.block.visible(root):
            meant, text = f"steps.{root}", f"no name '{root}': a step is read as 'steps.{root}'"
        elif root in _WHERE:
            meant, text = None, f"'{root}' is known only {_WHERE[root]}"
        else:
            meant = self._found.nearest(root, allowed)
            text = f"no name '{root}'" + (f", did you mean '{meant}'?" if meant else "")
        fix = _replaced(use, reference.position, root, meant)
        self._found.error("expression.unknown_name", use.at, text, suggestion=meant, fix=fix)

    def _field(self, use: Use, reference: Reference, depth: int, known: tuple[str, ...]) -> None:
        name = reference.path[depth] if len(reference.path) > depth else None
        if name is None or name in known:
            return
        owner, meant = ".".join(reference.path[:depth]), self._found.nearest(name, known)
        listed = ", ".join(known)
        text = f"'{owner}' has no '{name}', only {listed}"
        fix = _replaced(use, reference.position, f"{owner}.{name}", meant and f"{owner}.{meant}")
        self._found.error("expression.unknown_name", use.at, text, suggestion=meant, fix=fix)

    def _step(self, use: Use, reference: Reference) -> None:
        if len(reference.path) < 2:
            return
        name = reference.path[1]
        target = use.block.visible(name)
        if target is None:
            self._unseen(use, reference, name)
            return
        self._field(use, reference, 2, STEP_FIELDS)
        if use.place.kind != "undo":
            self._order(use, target)

    def _unseen(self, use: Use, reference: Reference, name: str) -> None:
        if name in self._places:
            related = [self._places[name]]
            text = f"'{name}' is inside another step: only that step's output is visible here"
            self._found.error("graph.not_visible", use.at, text, related=related)
            return
        names = (known for block in use.block.outwards() for known in block.by_id)
        meant = self._found.nearest(name, names)
        hint = f", did you mean '{meant}'?" if meant else ""
        fix = _replaced(use, reference.position, f"steps.{name}", meant and f"steps.{meant}")
        text = f"no step '{name}'{hint}"
        self._found.error("expression.unknown_name", use.at, text, suggestion=meant, fix=fix)

    def _order(self, use: Use, target: Node) -> None:
        me = standing(use, target.scope)
        if me is None:
            return
        if me is target:
            inside = use.node is not target or use.block is not target.scope
            which = "the step this one is inside" if inside else "the step itself"
            text = f"'{target.id}' is {which}, and not done yet"
        elif target.index > me.index and not is_graph(target.scope.steps):
            text = f"'{target.id}' comes later in this sequence"
        else:
            return
        self._found.error("graph.not_before", use.at, text, related=[target.at])

    def _input(self, use: Use, reference: Reference) -> None:
        schema = self._input_schema
        for depth, name in enumerate(reference.path[1:], 1):
            if not is_object(schema) or any(word in schema for word in _ABOUT_ALL):
                return
            known = schema.get("properties")
            if not is_object(known):
                return
            if name not in known:
                meant = self._found.nearest(name, known)
                above = ".".join(reference.path[:depth])
                path = f"{above}.{name}"
                fix = _replaced(use, reference.position, path, meant and f"{above}.{meant}")
                text = f"'{path}' is not in input_schema"
                code = "expression.unknown_input"
                self._found.warning(code, use.at, text, suggestion=meant, fix=fix)
                return
            schema = known[name]

    def _variable(self, use: Use, reference: Reference) -> None:
        name = reference.path[1] if len(reference.path) > 1 else None
        if name is None or not reference.strict or self._vars is None or name in self._vars:
            return
        meant = self._found.nearest(name, self._vars)
        text = f"no variable '{name}': neither 'vars' nor a 'set' step has it"
        fix = _replaced(use, reference.position, f"vars.{name}", meant and f"vars.{meant}")
        self._found.error("expression.unknown_name", use.at, text, suggestion=meant, fix=fix)


def standing(use: Use, block: Block) -> Node | None:
    """The step of `block` that `use` is in; None when it is evaluated after all of them."""
    if use.block is block:
        return use.node if use.node is not None and use.node.scope is block else None
    at: Block = use.block
    while at.owner is not None and at.owner.scope is not block:
        at = at.owner.scope
    return at.owner


def _allowed(use: Use) -> tuple[str, ...]:
    more = _MORE.get(use.place.kind, ())
    handled = any(block.role == "handler" for block in use.block.outwards())
    return (*NAMES, *more, *(("error",) if handled else ()))


def _variables(definition: Mapping[str, Json], body: Block) -> set[str] | None:
    """Every variable there can be; None when that cannot be told."""
    declared = definition.get("vars", {})
    known = set[str](declared)
    for node in every_node(body):
        given = node.step.get("vars")
        if is_object(given):
            known |= given.keys()
        if node.step["type"] in LATER_TYPES:
            return None
    return known


def _replaced(use: Use, position: int, old: str, new: str | None) -> list[dict[str, Json]] | None:
    """The patch that writes `new` in place of `old`, where that stands as it is."""
    if new is None or not use.text.startswith(old, position):
        return None
    text = use.text[:position] + new + use.text[position + len(old) :]
    return [{"op": "replace", "path": use.at, "value": text}]


def depends_on(block: Block, found: Findings, everywhere: Mapping[str, str]) -> None:
    """Report the `depends_on` entries of a scope that name no step of it."""
    for node in block.nodes:
        declared = node.step.get("depends_on")
        for index, name in enumerate(declared if is_list(declared) else ()):
            if type(name) is not str or name in block.by_id:
                continue
            at = f"{node.at}/depends_on/{index}"
            if name in everywhere:
                text = f"'{name}' is not a step of this scope"
                found.error("graph.not_visible", at, text, related=[everywhere[name]])
                continue
            meant = found.nearest(name, (known for known in block.by_id if known != node.id))
            fix = [{"op": "replace", "path": at, "value": meant}]
            if meant is None or (is_list(declared) and meant in declared):
                fix = [{"op": "remove", "path": at}]
            text = f"no step '{name}' in this scope"
            found.error("graph.unknown_step", at, text, suggestion=meant, fix=fix)
