"""Compiles a definition into a plan: expressions parsed, edges and routes written out. Pure."""

from collections.abc import Iterator

import msgspec

from orchestra.workflows.expressions import Program, Template
from orchestra.workflows.language.definition import (
    AgentChoice,
    Branch,
    Case,
    Definition,
    Scope,
    Step,
)
from orchestra.workflows.language.user_schemas import compiled
from orchestra.workflows.planning.plan import (
    ENGINE_ROUTE,
    OUTPUT,
    Choice,
    Node,
    Plan,
    Rule,
    Steps,
    Undo,
    spawn_lines,
)

_TOLERANT = frozenset(("any_completed", "any_failed", "all_done"))


def compile_plan(digest: str, definition: Definition) -> Plan:
    """Compile. Raises what only a bug raises: the definition was checked when it was saved."""
    nodes: dict[str, Node] = {}
    body = _steps(definition.body, "", None, nodes)
    if needs_output_step(definition):
        _add_output_step(definition, body, nodes)
    for node in list(nodes.values()):
        _link(node)
    for steps in [body, *(inner for node in nodes.values() for inner in node.scopes())]:
        steps.spawn = spawn_lines(steps.nodes)
    rollback = definition.rollback_on
    written = [node.step.vars for node in nodes.values() if node.kind == "set"]
    variables = tuple(dict.fromkeys(name for names in written for name in names))
    has_output = not isinstance(definition.output, msgspec.UnsetType)
    return Plan(
        digest=digest,
        definition=definition,
        body=body,
        nodes=nodes,
        on_failure="B" if "failure" in rollback else "F",
        on_late="B" if "timeout" in rollback else "F",
        on_cancel="rollback" if "cancel" in rollback else "cancel",
        input_schema=compiled(definition.input_schema) if definition.input_schema else None,
        output=Template(definition.output) if has_output else None,
        output_schema=compiled(definition.output_schema) if definition.output_schema else None,
        sets_vars=bool(variables),
        variables=variables,
    )


def needs_output_step(definition: Definition) -> bool:
    """Whether a last hidden step has something to do."""
    return (
        not isinstance(definition.output, msgspec.UnsetType)
        or definition.output_schema is not None
        or not (definition.fail_fast or definition.body.sequence)
    )


def route_of(choice: AgentChoice | None, urgent: bool = False) -> str:
    """Class and queue of a call. The queue is the agent type, or the agent, or the capability."""
    assert choice is not None
    queue = choice.type or (
        f"agent:{choice.id}" if choice.id else f"capability:{choice.capability}"
    )
    return f"{1 if urgent else 2}|{queue}"


def _steps(scope: Scope, path: str, outer: Steps | None, nodes: dict[str, Node]) -> Steps:
    steps = Steps(path, (), scope.sequence, outer)
    prefix = f"{path}/" if path else ""
    made = tuple(_node(step, prefix + step.id, steps) for step in scope.steps)
    steps.nodes = made
    for node in made:
        nodes[node.path] = node
        local = {other.step.id: other.path for other in made}
        node.joins = tuple(local[name] for name in node.step.joins)
        node.waits = tuple(local[name] for name in node.step.waits if name not in node.step.joins)
    for node in made:
        _contents(node, steps, nodes)
    _edges(steps)
    return steps


def _node(step: Step, path: str, scope: Steps) -> Node:
    agent = step.type == "agent"
    has_output = not isinstance(step.output, msgspec.UnsetType)
    node = Node(path, step.type, scope, step, route_of(step.agent) if agent else ENGINE_ROUTE)
    node.condition = Program(step.condition) if step.condition is not None else None
    node.output = Template(step.output) if has_output else None
    node.schema = compiled(step.output_schema) if step.output_schema else None
    match step.type:
        case "agent" | "transform":
            node.input = Template(step.input_data)
        case "set":
            node.input = Template(step.vars)
        case "emit":
            node.payload = Template(step.payload)
        case "wait":
            assert step.wait is not None
            node.input = Template(step.wait.time)
            node.payload = Template(step.wait.on_timeout.output)
            node.opens = True
        case "switch" | "parallel":
            node.opens = True
    if step.compensate is not None:
        undo = step.compensate
        route = route_of(undo.agent, urgent=True)
        node.undo = Undo(undo, Template(undo.input_data), f"{route}|{path}")
    return node


def _contents(node: Node, scope: Steps, nodes: dict[str, Node]) -> None:
    """What is inside a container, and the handlers of any step."""

    def inside(inner: Scope) -> Steps:
        return _steps(inner, node.path, scope, nodes)

    def choice(case: Case) -> Choice:
        rendered = None if isinstance(case.output, msgspec.UnsetType) else Template(case.output)
        return Choice(case.name, Program(case.when), inside(case.scope), rendered)

    step = node.step
    if step.type == "switch":
        default = Choice("default", None, inside(step.default) if step.default else None, None)
        node.choices = (*(choice(case) for case in step.cases), default)
    node.branches = tuple(_branch(node, branch, scope, nodes) for branch in step.branches)
    node.rules = tuple(
        Rule(rule, Template(rule.output), inside(rule.steps) if rule.steps else None)
        for rule in step.on_error
    )
    node.opens = node.opens or any(rule.handler for rule in node.rules)


def _branch(parent: Node, branch: Branch, scope: Steps, nodes: dict[str, Node]) -> Node:
    """A branch is a step of its own: it opens its steps and closes with their output."""
    path = f"{parent.path}/{branch.id}"
    around = Steps(parent.path, (), False, scope)
    node = Node(path, "branch", around, Step(branch.id, "parallel"), ENGINE_ROUTE, opens=True)
    node.branch = _steps(branch.scope, path, scope, nodes)
    has_output = not isinstance(branch.output, msgspec.UnsetType)
    node.output = Template(branch.output) if has_output else None
    nodes[path] = node
    return node


def _add_output_step(definition: Definition, body: Steps, nodes: dict[str, Node]) -> None:
    # A graph's waits for every step, not for the last ones alone: a retry may run a step again
    # before one that completed without it (R36).
    last = tuple(node.path for node in (body.nodes[-1:] if body.sequence else body.nodes))
    node = Node(OUTPUT, "output", body, Step(OUTPUT, "transform"), ENGINE_ROUTE, waits=last)
    if not isinstance(definition.output, msgspec.UnsetType):
        node.output = Template(definition.output)
    body.nodes = (*body.nodes, node)
    nodes[OUTPUT] = node
    _edges(body)


def _edges(steps: Steps) -> None:
    followers: dict[str, list[Node]] = {node.path: [] for node in steps.nodes}
    for node in steps.nodes:
        for path in (*node.joins, *node.waits):
            followers[path].append(node)
    for index, node in enumerate(steps.nodes):
        after = followers[node.path]
        node.succ = "\n".join(f"{follower.path}\t{follower.route}" for follower in after)
        node.tolerated = any(f.step.run_when in _TOLERANT and node.path in f.joins for f in after)
        before = (
            [n.path for n in steps.nodes[:index]] if steps.sequence else _ancestors(steps, node)
        )
        above = _above(steps)
        node.earlier = (*reversed(before), *above)


def _ancestors(steps: Steps, node: Node) -> list[str]:
    by_path = {other.path: other for other in steps.nodes}
    found: set[str] = set()
    pending = [node.path]
    while pending:
        at = by_path[pending.pop()]
        new = {*at.joins, *at.waits} - found
        found |= new
        pending.extend(new)
    return [other.path for other in steps.nodes if other.path in found]


def _above(steps: Steps) -> tuple[str, ...]:
    """What the container of this scope could have been filled from."""
    outer = steps.outer
    while outer is not None:
        for node in outer.nodes:
            if steps.path == node.path or steps.path.startswith(node.path + "/"):
                return node.earlier
        outer = outer.outer
    return ()


def _link(node: Node) -> None:
    """What must be known before the node is decided: joins, and steps its expressions name."""
    visible: dict[str, str] = {}
    for program, scope in _programs(node):
        for reference in program.references():
            if reference.path[0] == "vars":
                node.reads_vars = True
            if reference.path[0] == "steps":
                named = reference.path[1:2] or tuple(n.step.id for n in scope.nodes)
                found = {name: scope.resolve(name) for name in named}
                visible |= {
                    name: path
                    for name, path in found.items()
                    if path and path != node.path and not path.startswith(node.path + "/")
                }
    node.visible = visible
    needs = [*node.joins, *visible.values()]
    if node.kind == "output":
        needs += [other.path for other in node.scope.nodes if other.path != OUTPUT]
    node.needs = tuple(dict.fromkeys(needs))


def _programs(node: Node) -> Iterator[tuple[Program, Steps]]:
    """Every expression of a node, with the scope it looks from."""
    inside = node.branch or node.scope
    if node.condition:
        yield node.condition, node.scope
    templates = [(node.input, node.scope), (node.payload, node.scope), (node.output, inside)]
    templates += [(rule.output, node.scope) for rule in node.rules]
    templates += [(node.undo.input, node.scope)] if node.undo else []
    for choice in node.choices:
        if choice.when:
            yield choice.when, node.scope
        if choice.steps:
            templates.append((choice.output, choice.steps))
    for template, scope in templates:
        if template:
            for program in template.programs():
                yield program, scope
