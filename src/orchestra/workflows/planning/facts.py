"""What is known of one execution: its envelope, the records of its steps, what expressions see.

A record is made once, when a step is done, and never changes. In the store it is framed JSON under
`r:<execution>`, field = path:
`{status, output?, input?, filled?, error?, attempts, agent?, reason?, case?, queued_ms?,
started_ms, ended_ms, usage?, calls?, wait?}`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from orchestra.instants import instant
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.plan import Node, Plan, Steps

Framed: TypeAlias = bytes
Record = dict[str, Any]
Names = dict[str, Any]

NOT_DONE: Record = {"status": "waiting"}


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an execution was started with. Field `@in` of its records."""

    input: Json
    workflow_id: str
    workflow_name: str
    workflow_version: int
    created_ms: int
    delay_ms: int = 0
    actor: str = ""
    labels: dict[str, str] = {}
    hop: int = 0
    """How many of our own outgoing requests lie behind the start."""
    trace: str = ""
    """The trace of who started it."""


class Signal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody sent, once. Field `@!<name>` of the records."""

    name: str
    payload: Json
    actor: str
    at_ms: int
    nonce: int
    """Tells it from one that says the same."""
    key: str = ""
    digest: str = ""
    """Of the request, where it had an Idempotency-Key."""


@dataclass(slots=True)
class Claim:
    """A claimed step: `token` proves it (ENGINE.md §4). `n` is the fence, `c` counts crashes."""

    item: str
    token: str
    execution: str
    path: str
    tenant: str
    n: int
    u: int
    k: int
    c: int
    claimed_ms: int = 0

    @property
    def attempt(self) -> int:
        """Number of the attempt that is about to be made, from 1. Crashes of ours are none."""
        return self.u + 1


def claim_of(item: str, token: str, tenant: str, claimed_ms: int) -> Claim:
    """Take a claim apart: `class|queue|execution/path`, `n.u.k.c.session`."""
    execution, _, path = item.split("|", 2)[2].partition("/")
    n, u, k, c, _ = token.split(".", 4)
    return Claim(item, token, execution, path, tenant, int(n), int(u), int(k), int(c), claimed_ms)


@dataclass(slots=True)
class Facts:
    """Everything this replica knows of one execution. Records in it are immutable."""

    envelope: Envelope | None = None
    records: dict[str, Record] = field(default_factory=dict[str, Record])
    variables: dict[str, Json] = field(default_factory=dict[str, Json])
    answers: dict[str, Framed] = field(default_factory=dict[str, Framed])
    """As stored: `@!<signal>`, which never changes, and `<path>!`: `-` when its time has come."""
    bytes: int = 0
    end: tuple[str, int] | None = None
    """State letter and instant in ms, when it ended in a transition made here."""
    digest: str = ""
    """Of the definition, when the execution was started here."""
    _views: dict[str, Names] = field(default_factory=dict[str, Names])

    def keep(self, path: str, record: Record, size: int) -> None:
        """Remember a record; `size` is what it weighs in the cache."""
        self.records[path] = record
        self.bytes += size

    def forget(self, path: str) -> None:
        """A step is tried again after its end: what was known of it no longer holds."""
        self.records.pop(path, None)
        self._views.pop(path, None)

    def has(self, paths: Iterable[str]) -> bool:
        """Whether every one of them is known to have completed."""
        return all(self.status(path) == "completed" for path in paths)

    def status(self, path: str) -> str:
        """`waiting` for what has no record."""
        return str(self.records.get(path, NOT_DONE)["status"])

    def view(self, path: str) -> Names:
        """`steps.<id>` as expressions see it. No `output` unless it completed."""
        found = self._views.get(path)
        if found is None:
            found = _view(self.records.get(path, NOT_DONE))
            if path in self.records:
                self._views[path] = found
        return found


def _view(record: Record) -> Names:
    made: Names = {"status": record["status"], "attempts": record.get("attempts", 0)}
    if record["status"] == "completed":
        made["output"] = record.get("output")
    for name in ("error", "reason", "case", "failed"):
        if record.get(name) is not None:
            made[name] = record[name]
    for name in ("started", "ended"):
        if f"{name}_ms" in record:
            made[f"{name}_at"] = instant(record[f"{name}_ms"])
    return made


@dataclass(slots=True)
class Work:
    """A claimed step with all that a decision about it may look at."""

    plan: Plan
    node: Node
    claim: Claim
    facts: Facts
    now_ms: int
    in_process: bool = False
    """Its agent runs in the replica itself; asked only once the step was in hand at a crash."""
    _names: Names | None = None

    def names(self) -> Names:
        """What the expressions of the step may name."""
        if self._names is None:
            self._names = _names_of(self)
        return self._names


def _names_of(work: Work) -> Names:
    envelope, facts = work.facts.envelope, work.facts
    assert envelope is not None, "the envelope is read before anything is decided"
    return {
        "input": envelope.input,
        "vars": {**work.plan.definition.vars, **facts.variables},
        "steps": {name: facts.view(path) for name, path in work.node.visible.items()},
        "execution": {
            "id": work.claim.execution,
            "status": "running",
            "tenant": work.claim.tenant,
            "labels": envelope.labels,
            "started_at": instant(envelope.created_ms),
        },
        "workflow": {
            "id": envelope.workflow_id,
            "name": envelope.workflow_name,
            "version": envelope.workflow_version,
        },
    }


def names_inside(names: Names, steps: Steps, facts: Facts) -> Names:
    """`names` as seen at the end of the scope `steps`: its own steps included."""
    own = {node.step.id: facts.view(node.path) for node in steps.nodes}
    return {**names, "steps": {**names["steps"], **own}}


def last_output(steps: Steps, facts: Facts) -> Json:
    """Output of the last completed step of a scope, in list order; None when there is none."""
    for node in reversed(steps.nodes):
        if node.kind != "output" and facts.status(node.path) == "completed":
            return facts.records[node.path].get("output")
    return None


def first_failure(steps: Steps, facts: Facts) -> Node | None:
    """The unhandled failure of a scope that came first."""
    failed = [
        node for node in steps.nodes if not node.tolerated and facts.status(node.path) == "failed"
    ]
    return min(failed, key=lambda node: facts.records[node.path].get("ended_ms", 0), default=None)
