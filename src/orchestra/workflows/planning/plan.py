"""A definition compiled for the engine: every expression parsed, every edge turned into bytes.

Made once per version and kept; nothing in it changes. Paths name steps inside an execution:
`prepare/stock/reserve` is step `reserve` of branch `stock` of step `prepare`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestra.workflows.expressions import Program, Template
from orchestra.workflows.language.definition import Compensation, Definition, ErrorRule, Step
from orchestra.workflows.language.user_schemas import CompiledSchema

OUTPUT = ":output"
"""Path of the hidden last step that renders `output`, checks it, and ends a body that goes on
after failures. No step can be named so."""

ENGINE_ROUTE = "1|@engine"


@dataclass(slots=True)
class Rule:
    """An `on_error` rule: what was written, its output, its handler."""

    written: ErrorRule
    output: Template
    handler: "Steps | None"


@dataclass(slots=True)
class Choice:
    """One case of a switch, or its default (`when` None)."""

    name: str
    when: Program | None
    steps: "Steps | None"
    output: Template | None


@dataclass(slots=True)
class Undo:
    """How a step is undone. `entry` is its line on the undo stack."""

    written: Compensation
    input: Template
    entry: str


@dataclass(slots=True)
class Node:
    """One step, ready to be decided about. `succ` are the lines `step_complete` takes."""

    path: str
    kind: str
    scope: "Steps"
    step: Step
    route: str
    joins: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    succ: str = ""
    tolerated: bool = False
    condition: Program | None = None
    input: Template | None = None
    output: Template | None = None
    payload: Template | None = None
    rules: tuple[Rule, ...] = ()
    undo: Undo | None = None
    schema: CompiledSchema | None = None
    choices: tuple[Choice, ...] = ()
    branches: "tuple[Node, ...]" = ()
    branch: "Steps | None" = None
    earlier: tuple[str, ...] = ()
    """Paths whose output or request may fill a missing input, nearest first."""
    visible: dict[str, str] = field(default_factory=dict[str, str])
    """Ids that its expressions name -> paths."""
    needs: tuple[str, ...] = ()
    """Paths whose records must be at hand before anything is decided."""
    reads_vars: bool = False
    opens: bool = False
    """It may have opened a scope, or begun to wait: its own record is needed when it is claimed
    again.
    """

    @property
    def inside(self) -> "tuple[Node, ...]":
        """The nodes of every scope it may open: cases, branches, handlers."""
        return (*self.branches, *(node for scope in self.scopes() for node in scope.nodes))

    def scopes(self) -> "Iterator[Steps]":
        """Every scope of steps that it may open, those of its branches included."""
        yield from (choice.steps for choice in self.choices if choice.steps)
        yield from (part.branch for part in self.branches if part.branch)
        yield from (rule.handler for rule in self.rules if rule.handler)
        if self.branch:
            yield self.branch


@dataclass(slots=True)
class Steps:
    """The nodes of a scope. `path` is its container's, '' for the body."""

    path: str
    nodes: tuple[Node, ...]
    sequence: bool
    outer: "Steps | None"
    spawn: str = ""
    """Lines `path\tdeps\troute` that open the scope."""

    def resolve(self, name: str) -> str | None:
        """The path of step `name` as seen from here; None when nothing of that name is in sight."""
        scope: Steps | None = self
        while scope is not None:
            for node in scope.nodes:
                if node.step.id == name:
                    return node.path
            scope = scope.outer
        return None


@dataclass(slots=True)
class Plan:
    """A version of a workflow, ready to run."""

    digest: str
    definition: Definition
    body: Steps
    nodes: dict[str, Node]
    on_failure: str
    on_late: str
    on_cancel: str
    """`B`: roll back, `F` or `cancel`: do not."""
    input_schema: CompiledSchema | None
    output: Template | None
    output_schema: CompiledSchema | None
    sets_vars: bool
    variables: tuple[str, ...]
    """Names that `set` steps write."""


def spawn_lines(nodes: Sequence[Node], done: frozenset[str] = frozenset()) -> str:
    """Lines that open a scope: each node with the number of dependencies that are not `done`."""
    return "\n".join(
        f"{node.path}\t{sum(d not in done for d in (*node.joins, *node.waits))}\t{node.route}"
        for node in nodes
        if node.path not in done
    )
