"""The answers to a batch of executions, and to a count, as the description of the API shows them.

Held against what is really sent, as those of `documents.py`.
"""

from typing import Annotated, Literal

from msgspec import Meta

from orchestra.workflows.history.batching import Action
from orchestra.workflows.routes.documents import Closed, Instant
from orchestra.workflows.routes.execution_documents import Count, ExecutionState


class Counted(Closed, frozen=True):
    """How many executions are kept."""

    executions: Count


class BatchItem(Closed, frozen=True):
    """What became of one execution. `refused`: not possible in the state it has."""

    id: str
    status: ExecutionState | Literal["unknown"]
    result: Literal["done", "refused", "failed"]
    code: str | None
    detail: str | None


class BatchDone(Closed, frozen=True):
    """A page of a batch."""

    action: Action
    dry_run: Literal[False]
    matched: Count
    done: Count
    refused: Count
    failed: Count
    items: tuple[BatchItem, ...]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
    as_of: Instant


class BatchCounted(Closed, frozen=True):
    """What a batch would do. `complete`: false when there are more than were counted."""

    action: Action
    dry_run: Literal[True]
    matched: Count
    possible: Annotated[int, Meta(ge=0, description="Those whose state allows it.")]
    complete: bool
    by_status: dict[str, int]
    as_of: Annotated[Instant, Meta(description="Send it as `filter.started_before`.")]
