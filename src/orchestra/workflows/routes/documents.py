"""The answers of the workflows routes, as the description of the API shows them.

Handlers send plain dicts, which cost less; `tests/integration/test_described.py` holds what they
really send against these shapes.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestra.workflows.language.findings import Finding

Instant = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, with milliseconds.",
        examples=["2026-11-22T21:28:00.123Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Cursor = Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
Links = Annotated[dict[str, str], Meta(description="Paths from here.")]
WorkflowState = Literal["active", "archived"]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class WorkflowSummary(Closed, frozen=True):
    """A workflow, without its definition."""

    id: Annotated[str, Meta(examples=["wfl_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
    workflow_id: Annotated[str, Meta(description="The same as `id`.")]
    name: str
    version: Annotated[int, Meta(description="The version this document is about.")]
    digest: Annotated[str, Meta(description="Of the content: the same content, the same digest.")]
    status: WorkflowState
    active_version: Annotated[int, Meta(description="The one that `execute` starts.")]
    description: str
    labels: dict[str, str]
    steps: Annotated[int, Meta(description="Number of steps, inner ones included.")]
    created_at: Instant
    updated_at: Instant
    links: Links


class WorkflowSaved(WorkflowSummary, frozen=True):
    """A workflow that was just saved, with what its author should know."""

    warnings: tuple[Finding, ...]


class WorkflowShown(WorkflowSummary, frozen=True):
    """A workflow with the definition of this version, normalised."""

    definition: dict[str, Any]


class WorkflowPage(Closed, frozen=True):
    """Workflows, newest first."""

    items: tuple[WorkflowSummary, ...]
    next_cursor: Cursor


class Version(Closed, frozen=True):
    """One version of a workflow."""

    version: int
    digest: str
    active: bool
    created_at: Instant


class VersionPage(Closed, frozen=True):
    """Versions, newest first: all of them."""

    items: tuple[Version, ...]
    next_cursor: Cursor


class GraphNode(Closed, frozen=True):
    """A step in the picture. `pointer` is its place in the definition."""

    id: str
    type: str
    name: str
    parent: str | None
    pointer: str


class GraphEdge(Closed, frozen=True, kw_only=True):
    """An arrow. `declared` in `depends_on`, `inferred` from a reference, `order` of a sequence."""

    from_: str = msgspec.field(name="from")
    to: str
    kind: Literal["declared", "inferred", "order"]


class Graph(Closed, frozen=True):
    """The picture of a definition; empty when there is none."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


class Validated(Closed, frozen=True):
    """What a check found. `normalised` is what would be saved; null when it could not be."""

    valid: bool
    findings: tuple[Finding, ...]
    normalised: dict[str, Any] | None
    graph: Graph
