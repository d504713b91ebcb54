"""One attempt, as it is logged and shown."""

from collections.abc import Mapping
from typing import Literal, cast

import msgspec

from orchestra.bus.webhooks.matching import Parcel
from orchestra.bus.webhooks.verdicts import Outcome

Result = Literal["delivered", "failed", "dead", "skipped"]
"""`failed`: it is tried again. `dead`: it was the last try. `skipped`: nothing was sent."""


class Attempt(msgspec.Struct, frozen=True):
    """What was tried, and what came of it. `id` is its place in the log, "" when it is in none."""

    id: str
    delivery: str
    event: str
    type: str
    key: str
    result: Result
    at_ms: int
    attempt: int = 1
    trigger: str = "event"
    status: int | None = None
    ms: int = 0
    error: str = ""
    detail: str = ""
    address: str = ""
    headers: Mapping[str, str] = {}
    body: str = ""
    next_ms: int | None = None
    """When it is tried again, when it is."""
    message: str = ""
    """In the queue."""


def made(
    parcel: Parcel, result: Result, at_ms: int, number: int = 1, outcome: Outcome | None = None
) -> Attempt:
    """The attempt that this was; without an outcome nothing was sent."""
    event = parcel.event
    found = Attempt(
        "", parcel.id, event.id, event.type, event.key, result, at_ms, number, parcel.trigger
    )
    if outcome is None:
        return found
    return msgspec.structs.replace(
        found,
        status=outcome.status,
        ms=outcome.ms,
        error=outcome.failure,
        detail=outcome.detail,
        address=outcome.address,
        headers=outcome.headers,
        body=outcome.body,
    )


def entry(attempt: Attempt) -> dict[str, str | int]:
    """Its fields in the log, without those that are empty."""
    fields: dict[str, str | int] = {
        "e": attempt.event,
        "t": attempt.type,
        "k": attempt.key,
        "r": attempt.result,
        "n": attempt.attempt,
        "g": attempt.trigger,
        "s": "" if attempt.status is None else attempt.status,
        "ms": attempt.ms,
        "c": attempt.error,
        "x": attempt.detail,
        "a": attempt.address,
        "h": msgspec.json.encode(attempt.headers).decode() if attempt.headers else "",
        "b": attempt.body,
        "w": "" if attempt.next_ms is None else attempt.next_ms,
        "m": attempt.message,
    }
    return {name: value for name, value in fields.items() if value != ""}


def read(position: str, fields: Mapping[str, bytes]) -> Attempt:
    """The attempt of an entry of the log."""
    text = {name: value.decode("utf-8", "replace") for name, value in fields.items()}
    return Attempt(
        id=position,
        delivery=text.get("d", ""),
        event=text.get("e", ""),
        type=text.get("t", ""),
        key=text.get("k", ""),
        result=cast("Result", text.get("r", "failed")),
        at_ms=int(text.get("at", 0)),
        attempt=int(text.get("n", 1)),
        trigger=text.get("g", "event"),
        status=int(text["s"]) if "s" in text else None,
        ms=int(text.get("ms", 0)),
        error=text.get("c", ""),
        detail=text.get("x", ""),
        address=text.get("a", ""),
        headers=msgspec.json.decode(text["h"], type=dict[str, str]) if "h" in text else {},
        body=text.get("b", ""),
        next_ms=int(text["w"]) if "w" in text else None,
        message=text.get("m", ""),
    )
