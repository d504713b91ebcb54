"""The documents of dead letters of readers, as the description of the API shows them."""

from typing import Annotated

from msgspec import Meta

from orchestra.bus.documents import Closed, CloudEvent, Instant

Place = Annotated[str, Meta(examples=["1795392000123-0"], max_length=40)]


class ReaderList(Closed, frozen=True):
    """Durable readers of the product itself."""

    readers: list[str]


class DeadEvent(Closed, frozen=True):
    """An event that a reader gave up."""

    id: Place
    event: CloudEvent
    error: str
    tries: int
    died_at: Instant


class DeadEvents(Closed, frozen=True):
    """Those of your events, the oldest first. A page may be short before the end."""

    letters: list[DeadEvent]
    cursor: Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]


class ReviveBody(Closed, frozen=True):
    """These dead letters; without `ids` all of your events."""

    ids: Annotated[list[Place], Meta(min_length=1, max_length=1_000)] | None = None


class Revived(Closed, frozen=True):
    """How many are handed to the reader again."""

    redriven: int


class Forgotten(Closed, frozen=True):
    """How many were thrown away."""

    deleted: int
