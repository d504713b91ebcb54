"""The documents of types of events, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestra.bus.documents import Closed, Instant

JsonSchema = Annotated[
    dict[str, Any],
    Meta(description="JSON Schema, draft 2020-12, at most 64 KiB; refers only to itself."),
]
Mode = Annotated[
    Literal["none", "backward"],
    Meta(description="`backward`: a change of the schema may refuse nothing that was right."),
]


class EventTypeBody(Closed, frozen=True):
    """What the data of a type has to look like."""

    schema: JsonSchema
    compatibility: Mode = "none"
    description: Annotated[str, Meta(max_length=1_024)] = ""


class EventTypeShown(Closed, frozen=True):
    """A type with a schema."""

    type: Annotated[str, Meta(examples=["order.placed"])]
    schema: JsonSchema
    compatibility: Mode
    description: str
    revision: Annotated[int, Meta(description="Grows with each change.")]
    created_at: Instant
    updated_at: Instant


class EventTypeListed(Closed, frozen=True):
    """A type of event that happens here by itself, or has a schema."""

    type: Annotated[str, Meta(examples=["workflow.completed"])]
    told: Annotated[str, Meta(description="When it happens.")]
    source: Annotated[str | None, Meta(description="null: whoever publishes it.")]
    data_schema: Annotated[dict[str, Any], Meta(description="JSON Schema of its `data`.")]
    compatibility: Mode | msgspec.UnsetType = msgspec.UNSET
    revision: int | msgspec.UnsetType = msgspec.UNSET


class EventTypes(Closed, frozen=True):
    """The built-in types, then those that have a schema here."""

    types: list[EventTypeListed]
