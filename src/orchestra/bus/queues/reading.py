"""What people write about queues: bodies as records, or all that is wrong with them."""

import re
from typing import Final

import msgspec

from orchestra.bus.queues.fields import Fields
from orchestra.bus.queues.records import (
    ALL,
    BATCH_MAX,
    BODY_MAX_BYTES,
    HOUR_MS,
    OWN,
    PRIORITY,
    Cause,
    Change,
    Choice,
    Options,
    QueueInvalid,
    QueueUnknown,
    Sent,
)
from orchestra.errors import Problem

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
OWN_NAME: Final = re.compile(r"~[A-Za-z0-9][A-Za-z0-9_.:-]{0,126}")
LEASE_MS: Final = (1_000, 12 * HOUR_MS)
DELAY_MS_MAX: Final = 7 * 24 * HOUR_MS
WAIT_MS_MAX: Final = 20_000
DEPTH_MAX: Final = 1_000_000
TRIES_MAX: Final = 100
PER_S_MAX: Final = 10_000
ERROR_MAX: Final = 4_000
IDS_MAX: Final = 1_000
_OPTIONS = ("tries_max", "lost_max", "lease_ms", "depth_max", "backoff_ms", "spread")
_CHOICE = ("kind", "error", "group", "since", "until")
KINDS: Final[tuple[Cause, ...]] = ("failed", "lost", "buried")
_SENDING = ("body", "priority", "delay_ms", "group", "dedup_id")


class Wish(msgspec.Struct, frozen=True):
    """How many messages, for how long, and how long to wait for one."""

    most: int = 1
    wait_ms: int = 0
    lease_ms: int | None = None


class Settling(msgspec.Struct, frozen=True):
    """Receipts, and what is said of them."""

    receipts: list[str]
    delay_ms: int | None = None
    lease_ms: int | None = None
    error: str = ""


class Revival(msgspec.Struct, frozen=True):
    """These dead letters, one of them with another `body`, or all of them at a rate."""

    ids: list[str] | None
    per_s: int
    choice: Choice = ALL
    body: msgspec.Raw | None = None


def read_queue(body: object) -> tuple[str, Options]:
    """A queue to be made or changed. Raises QueueInvalid."""
    findings: list[Problem] = []
    fields = Fields(body, findings, ("name", *_OPTIONS))
    name = fields.text("name", 63)
    if name is None and not findings:
        fields.find("name", "missing_field", "this field is required")
    elif name is not None and not NAME.fullmatch(name):
        fields.find("name", "format", f"must match {NAME.pattern}")
    options = _changed(fields)
    _refuse("the queue is wrong", findings)
    assert name is not None
    given = {field: value for field, value in msgspec.structs.asdict(options).items() if value}
    return name, msgspec.structs.replace(Options(), **given)


def read_change(body: object) -> Change:
    """Options to be changed. Raises QueueInvalid."""
    findings: list[Problem] = []
    found = _changed(Fields(body, findings, _OPTIONS))
    _refuse("the change is wrong", findings)
    return found


def read_name(name: str) -> str:
    """The name of a queue that may be made by sending to it. Raises QueueInvalid."""
    if not NAME.fullmatch(name):
        told = Problem("", "format", f"the name of a queue must match {NAME.pattern}")
        raise QueueInvalid("no queue can have this name", [told])
    return name


def shown(name: str) -> None:
    """Raises QueueUnknown for a queue that callers know nothing of: the modules' own."""
    if name.startswith(OWN):
        raise QueueUnknown("no queue has this name")


def read_own_name(name: str) -> str:
    """As `read_name`, of a module: it may be one of its own."""
    return name if OWN_NAME.fullmatch(name) else read_name(name)


def read_messages(body: object) -> list[Sent]:
    """One message, or `{"messages": […]}`. Raises QueueInvalid."""
    findings: list[Problem] = []
    fields = Fields(body, findings, ("messages", *_SENDING))
    if fields.has("messages"):
        items = fields.items("messages", BATCH_MAX) or []
        for name in filter(fields.has, _SENDING):
            fields.find(name, "not_together", 'goes into the entries of "messages"')
        found = [
            _message(Fields(item, findings, _SENDING, f"/messages/{i}"))
            for i, item in enumerate(items)
        ]
    else:
        found = [_message(fields)]
    _refuse("the messages are wrong", findings)
    return found


def read_wish(body: object) -> Wish:
    """What a receiver wants. Raises QueueInvalid."""
    findings: list[Problem] = []
    fields = Fields(body, findings, ("max", "wait_ms", "lease_ms"))
    most = fields.whole("max", 1, BATCH_MAX)
    wait_ms = fields.whole("wait_ms", 0, WAIT_MS_MAX)
    lease_ms = fields.whole("lease_ms", *LEASE_MS)
    _refuse("the wish is wrong", findings)
    return Wish(most or 1, wait_ms or 0, lease_ms)


def read_settling(body: object, *also: str) -> Settling:
    """Receipts, and the members that are `also` known. Raises QueueInvalid."""
    findings: list[Problem] = []
    fields = Fields(body, findings, ("receipts", *also))
    receipts = fields.texts("receipts", BATCH_MAX)
    if receipts is None and not findings:
        fields.find("receipts", "missing_field", "this field is required")
    delay_ms = fields.whole("delay_ms", 0, DELAY_MS_MAX) if "delay_ms" in also else None
    lease_ms = fields.whole("lease_ms", *LEASE_MS) if "lease_ms" in also else None
    error = fields.text("error", ERROR_MAX) if "error" in also else None
    _refuse("the receipts are wrong", findings)
    return Settling(receipts or [], delay_ms, lease_ms, error or "")


def read_revival(body: object) -> Revival:
    """`{"ids": […]}`, of one with `body`; or with `per_s` `{"all": true}` or `{"filter": {…}}`.

    Raises QueueInvalid.
    """
    findings: list[Problem] = []
    fields = Fields(body, findings, ("ids", "all", "filter", "per_s", "body"))
    ids, everything = fields.texts("ids", IDS_MAX), fields.flag("all")
    choice = _choice(fields.within("filter", _CHOICE)) if fields.has("filter") else ALL
    per_s = fields.whole("per_s", 1, PER_S_MAX)
    if not findings and sum((ids is not None, everything, fields.has("filter"))) != 1:
        findings.append(Problem("", "one_of", 'give one of "ids", "all": true and "filter"'))
    if not findings and fields.has("filter") and choice == ALL:
        fields.find("filter", "too_short", "must name something; for everything there is all")
    if ids is not None and per_s is not None:
        fields.find("per_s", "not_together", "goes with all or a filter only")
    other = fields.raw("body", BODY_MAX_BYTES) if fields.given("body") else None
    if other is not None and (ids is None or len(ids) != 1):
        fields.find("body", "not_together", "goes with one id only")
    _refuse("the redrive is wrong", findings)
    return Revival(ids, per_s or 100, choice, other)


def _message(fields: Fields) -> Sent:
    raw = fields.raw("body", BODY_MAX_BYTES)
    priority = fields.whole("priority", 0, 3)
    return Sent(
        raw,
        PRIORITY if priority is None else priority,
        fields.whole("delay_ms", 0, DELAY_MS_MAX) or 0,
        fields.text("group", 256) or "",
        fields.text("dedup_id", 256),
    )


def _choice(fields: Fields) -> Choice:
    kind = fields.text("kind", 16)
    known: Cause | None = next((one for one in KINDS if one == kind), None)
    if kind is not None and known is None:
        fields.find("kind", "one_of", f"must be one of {', '.join(KINDS)}")
    return Choice(
        kind=known,
        error=fields.text("error", ERROR_MAX),
        group=fields.text("group", 256),
        since=fields.moment_ms("since"),
        until=fields.moment_ms("until"),
    )


def _changed(fields: Fields) -> Change:
    return Change(
        fields.whole("tries_max", 1, TRIES_MAX),
        fields.whole("lost_max", 1, TRIES_MAX),
        fields.whole("lease_ms", *LEASE_MS),
        fields.whole("depth_max", 1, DEPTH_MAX),
        fields.wholes("backoff_ms", 20, LEASE_MS[1]),
        fields.flag("spread") if fields.has("spread") else None,
    )


def _refuse(detail: str, findings: list[Problem]) -> None:
    if findings:
        raise QueueInvalid(detail, findings)
