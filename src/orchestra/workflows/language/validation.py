"""Checking a definition: everything that is wrong with it, at once, each at its place.

`check_text` takes the bytes as they were sent and reports broken JSON as findings too; `check`
takes a document that has been decoded. Neither raises, whatever it is given.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from orchestra.workflows.language import doubts
from orchestra.workflows.language.definition import Definition, Json
from orchestra.workflows.language.findings import Finding, Findings
from orchestra.workflows.language.graphs import Plans, picture
from orchestra.workflows.language.json_text import BYTES_MAX, acceptable, read_text
from orchestra.workflows.language.names import NameCheck, depends_on
from orchestra.workflows.language.normalise import normalise
from orchestra.workflows.language.outline import Block, every_node
from orchestra.workflows.language.reading import definition_of
from orchestra.workflows.language.tables_wait import SIGNALS_MAX
from orchestra.workflows.language.uses import Uses

__all__ = ("Checked", "Finding", "check", "check_text", "definition_of")

_NO_GRAPH: Final[dict[str, Json]] = {"nodes": [], "edges": []}


class Checked(msgspec.Struct, frozen=True):
    """What a check found. Without an error there are a normalised document and a definition."""

    findings: tuple[Finding, ...]
    normalised: dict[str, Json] | None
    definition: Definition | None
    graph: dict[str, Json]

    @property
    def valid(self) -> bool:
        """Whether it can be saved: warnings and notes do not count."""
        return self.definition is not None


def check_text(source: bytes, known_types: Collection[str] | None = None) -> Checked:
    """Check a definition as it was sent. Broken JSON is `json.…` findings."""
    found = Findings()
    document = read_text(source, found)
    if found.failed:
        return Checked(found.all(source), None, None, _NO_GRAPH)
    return check(document, source, known_types)


def check(
    document: object, source: bytes | None = None, known_types: Collection[str] | None = None
) -> Checked:
    """Check a decoded document. `source`, its text, gives findings their line and column.

    `known_types`: agent types that are registered; others get a warning.
    """
    found = Findings()
    if source is not None and len(source) > BYTES_MAX:
        found.error("limit.bytes", "", f"a definition may have {BYTES_MAX:,} bytes")
    if found.failed or not acceptable(document, found):
        return Checked(found.all(source), None, None, _NO_GRAPH)
    normalised, body = normalise(document, found)
    uses = Uses(normalised, body, found)
    plans = Plans(body, uses, found)
    _check_names(normalised, body, uses, plans, found)
    _check_agents(body, known_types, found)
    _check_signals(body, found)
    definition = None
    if not found.failed:
        definition = definition_of(normalised, plans.of_steps)
        doubts.patience(definition, body, found)
        doubts.waits(definition, body, found)
    graph = picture(body, plans)
    return Checked(found.all(source), normalised if definition else None, definition, graph)


def _check_names(
    normalised: Mapping[str, Json], body: Block, uses: Uses, plans: Plans, found: Findings
) -> None:
    names = NameCheck(normalised, body, found)
    everywhere = {node.id: node.at for node in every_node(body)}
    for block in plans.blocks:
        depends_on(block, found, everywhere)
    for use in uses.every(body):
        names.check(use)
        doubts.skips(use, uses, plans, found)
        doubts.compensations(use, found)
    for node in every_node(body):
        doubts.unreachable(node, uses, found)


def _check_agents(body: Block, known: Collection[str] | None, found: Findings) -> None:
    if known is None:
        return
    for node in every_node(body):
        for at, name in _agent_types(node.step, node.at):
            if name not in known:
                meant = found.nearest(name, known)
                text = f"no agent of type '{name}' is registered"
                fix = [{"op": "replace", "path": at, "value": meant}] if meant else None
                found.warning("agent.none_registered", at, text, suggestion=meant, fix=fix)


def _check_signals(body: Block, found: Findings) -> None:
    """Each signal may be open in an execution, and so many may be."""
    places: dict[str, str] = {}
    for node in every_node(body):
        name = node.step.get("signal") if node.step["type"] == "wait" else None
        if type(name) is str:
            places.setdefault(name, f"{node.at}/signal")
    for at in list(places.values())[SIGNALS_MAX:]:
        found.error("limit.signals", at, f"a definition may have {SIGNALS_MAX} signals")


def _agent_types(step: Mapping[str, Json], at: str) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, type) of each agent type a step names, for itself and for its undoing."""
    actions = [(at, step)]
    if "compensate" in step:
        actions.append((f"{at}/compensate", step["compensate"]))
    for here, action in actions:
        chosen = action.get("agent")
        if "agent_type" in action:
            yield f"{here}/agent_type", action["agent_type"]
        elif isinstance(chosen, dict) and "type" in chosen:
            yield f"{here}/agent/type", str(chosen["type"])  # pyright: ignore[reportUnknownArgumentType]
