"""The scopes that are graphs: cycles, doubtful joins, and the picture of the whole."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.edges import Edges, edges, is_graph
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.outline import Block, Node, every_node
from orchestra.workflows.language.uses import Uses

Plan = Mapping[str, Edges]
_CYCLES_MAX: Final = 20


class Plans:
    """The edges of every scope that is a graph."""

    def __init__(self, body: Block, uses: Uses, found: Findings) -> None:
        self._found = found
        self._plans: dict[int, Plan] = {}
        self._by_step: dict[int, Plan] = {}
        self._skippable: dict[int, bool] = {}
        self.blocks = [body, *(block for node in every_node(body) for block in node.inner)]
        for block in self.blocks:
            if is_graph(block.steps):
                self._add(block, uses)

    def _add(self, block: Block, uses: Uses) -> None:
        nodes = {id(node.step): node for node in block.nodes}
        plan = edges(
            block.steps,
            lambda step: [r for use in uses.within(nodes[id(step)]) for r in use.references],
        )
        self._plans[id(block)] = plan
        self._by_step[id(block.nodes[0].step)] = plan
        if not self._cyclic(block, plan):
            self._warn(block, plan)

    def of(self, block: Block) -> Plan | None:
        """The edges of a graph; None for a sequence."""
        return self._plans.get(id(block))

    def of_steps(self, steps: list[dict[str, Json]]) -> Plan | None:
        """The same, asked with the steps themselves."""
        return self._by_step.get(id(steps[0]))

    def _cyclic(self, block: Block, plan: Plan) -> bool:
        waiting = {name: set(mine.all) for name, mine in plan.items()}
        for count in range(_CYCLES_MAX):
            try:
                TopologicalSorter(waiting).prepare()
            except CycleError as error:
                names: list[str] = list(error.args[1])[:-1]
                self._report(block, names)
                waiting = {
                    name: others - set(names)
                    for name, others in waiting.items()
                    if name not in names
                }
            else:
                return count > 0
        return True

    def _report(self, block: Block, names: list[str]) -> None:
        first = min(range(len(names)), key=lambda n: block.by_id[names[n]].index)
        names = [*names[first:], *names[:first]]
        nodes = [block.by_id[name] for name in names]
        at = nodes[0].at + ("/depends_on" if "depends_on" in nodes[0].step else "")
        circle = " → ".join([*names, names[0]][:20])
        text = f"these steps wait for one another: {circle}"
        self._found.error("graph.cycle", at, text, related=[node.at for node in nodes[1:20]])

    def _warn(self, block: Block, plan: Plan) -> None:
        for node in block.nodes:
            mine = plan[node.id]
            if not mine.all and node.index and "depends_on" not in node.step:
                text = f"'{node.id}' waits for nothing, so it starts at once: this scope is a graph"
                self._found.note("graph.starts_at_once", node.at, text)
            lenient = node.step.get("run_when", "none_failed") in ("none_failed", "any_completed")
            if (
                lenient
                and len(mine.joins) > 1
                and all(self.may_be_skipped(block.by_id[name]) for name in mine.joins)
            ):
                at = node.at + ("/depends_on" if "depends_on" in node.step else "")
                text = f"all that '{node.id}' depends on may be skipped, and then it is skipped too"
                self._found.warning("graph.maybe_all_skipped", at, text)

    def may_be_skipped(self, node: Node) -> bool:
        """Whether the step may end without an output although nothing failed."""
        known = self._skippable.get(id(node))
        if known is None:
            self._skippable[id(node)] = True  # while it is being found out: a cycle
            known = self._skippable[id(node)] = "if" in node.step or self._by_join(node)
        return known

    def _by_join(self, node: Node) -> bool:
        plan = self.of(node.scope)
        joins = plan[node.id].joins if plan else ()
        if not joins:
            return False
        skippable = [self.may_be_skipped(node.scope.by_id[name]) for name in joins]
        match node.step.get("run_when", "none_failed"):
            case "all_done":
                return False
            case "all_completed":
                return any(skippable)
            case "any_failed":
                return True
            case _:
                return all(skippable)


def picture(body: Block, plans: Plans) -> dict[str, Json]:
    """Nodes and edges by path, for the editor."""
    nodes: list[Json] = []
    arrows: list[Json] = []
    for node in every_node(body):
        about = {"id": node.path, "type": node.step["type"], "name": node.step.get("name", "")}
        owner = node.scope.owner
        nodes.append({**about, "parent": owner.path if owner else None, "pointer": node.at})
    for block in plans.blocks:
        paths = {node.id: node.path for node in block.nodes}
        plan = plans.of(block)
        if plan is None:
            ends = zip(block.nodes, block.nodes[1:], strict=False)
            arrows += [{"from": a.path, "to": b.path, "kind": "order"} for a, b in ends]
            continue
        for node in block.nodes:
            declared = node.step.get("depends_on") or ()
            for name in plan[node.id].all:
                kind = "declared" if name in declared else "inferred"
                arrows.append({"from": paths[name], "to": node.path, "kind": kind})
    return {"nodes": nodes, "edges": arrows}
