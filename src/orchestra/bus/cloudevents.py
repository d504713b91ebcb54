"""Events as the world writes them: CloudEvents 1.0, structured, in batches, and in binary mode.

Ours are `type`, `source`, `subject` (the key), `time`, `data`; `partitionkey` is a key, too, and
`orchestraorigin`, `correlation`, `causation`, `traceparent` are extensions.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from orchestra.bus import Draft, Event
from orchestra.errors import BadRequest, Invalid, Problem
from orchestra.instants import instant
from orchestra.security.hardened import JsonEncoding, JsonSyntax, loads
from orchestra.store.keys import Tenant

TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}")
KEY_MAX = 256
SOURCE_MAX = 256
BATCH_MAX = 100
DATA_MAX_BYTES = 262_144
TIME_MIN_MS, TIME_MAX_MS = -30_610_224_000_000, 253_402_300_799_999
"""Years of four digits, in UTC: others cannot be written as an instant."""
NULL = msgspec.Raw(b"null")


class EventInvalid(Invalid):
    """The event is wrong. `findings` has everything that is."""


class Incoming(msgspec.Struct, frozen=True):
    """An event that can be published, and the id by which a repeat is known."""

    draft: Draft
    dedup: str | None = None


def shown(event: Event) -> dict[str, object]:
    """An event as a CloudEvent in JSON."""
    document: dict[str, object] = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.key,
        "time": instant(event.at_ms),
        "datacontenttype": "application/json",
        "data": event.data,
        "orchestraorigin": event.origin,
    }
    for name in ("correlation", "causation", "traceparent"):
        if value := getattr(event, name):
            document[name] = value
    return document


def read_batch(body: object, tenant: Tenant) -> list[Incoming]:
    """Every event of a batch, or what is wrong with any. Raises EventInvalid."""
    if not isinstance(body, list):
        raise EventInvalid("a batch is a list of events", [Problem("", "type", "must be a list")])
    items = cast("list[object]", body)
    if not 1 <= len(items) <= BATCH_MAX:
        told = f"has 1 to {BATCH_MAX} events"
        raise EventInvalid("the batch has a wrong size", [Problem("", "too_many", told)])
    findings: list[Problem] = []
    found = [_read(item, tenant, f"/{i}", findings) for i, item in enumerate(items)]
    if findings:
        raise EventInvalid("the batch is wrong", findings)
    return found


def read_structured(body: object, tenant: Tenant) -> Incoming:
    """One CloudEvent in JSON. Raises EventInvalid."""
    findings: list[Problem] = []
    found = _read(body, tenant, "", findings)
    if findings:
        raise EventInvalid("the event is wrong", findings)
    return found


def read_binary(headers: Mapping[str, str], data: object, tenant: Tenant) -> Incoming:
    """`ce-*` headers, and the data as the body. Raises EventInvalid."""
    fields: dict[str, object] = {
        name.removeprefix("ce-"): value for name, value in headers.items() if name[:3] == "ce-"
    }
    return read_structured(fields | {"data": data}, tenant)


def read_plain(body: object, tenant: Tenant) -> Incoming:
    """`{event_type, source_service, source_id, payload}` and more. Raises EventInvalid."""
    findings: list[Problem] = []
    fields = _object(body, "", findings)
    known = (
        "event_type", "source_service", "source_id", "payload", "time", "dedup_id",
        "correlation_id",
    )  # fmt: skip
    findings += [
        Problem(f"/{name[:64]}", "unknown_field", "this field is unknown")
        for name in fields
        if name not in known
    ]
    reader = _Reader(fields, "", findings)
    found = Incoming(
        Draft(
            tenant,
            reader.text("event_type", 128, pattern=TYPE),
            reader.text("source_service", SOURCE_MAX),
            reader.text("source_id", KEY_MAX),
            reader.data(fields.get("payload"), "payload"),
            "api",
            reader.time("time"),
            reader.maybe("correlation_id", 256),
        ),
        reader.maybe("dedup_id", 256),
    )
    if findings:
        raise EventInvalid("the event is wrong", findings)
    return found


def _read(body: object, tenant: Tenant, at: str, findings: list[Problem]) -> Incoming:
    fields = _object(body, at, findings)
    reader = _Reader(fields, at, findings)
    if fields and fields.get("specversion") != "1.0":
        findings.append(Problem(f"{at}/specversion", "value", 'must be "1.0"'))
    name = reader.text("id", 256)
    source = reader.text("source", SOURCE_MAX)
    key = reader.maybe("subject", KEY_MAX) or reader.maybe("partitionkey", KEY_MAX) or source
    data = fields.get("data")
    if "data_base64" in fields:
        data = reader.decoded("data_base64")
    return Incoming(
        Draft(
            tenant,
            reader.text("type", 128, pattern=TYPE),
            source,
            key,
            reader.data(data, "data"),
            "api",
            reader.time("time"),
            reader.maybe("correlation", 256),
            reader.maybe("causation", 256),
            reader.maybe("traceparent", 64),
        ),
        f"{source}|{name}",
    )


def _object(body: object, at: str, findings: list[Problem]) -> Mapping[str, Any]:
    if isinstance(body, dict):
        return cast("Mapping[str, Any]", body)
    findings.append(Problem(at, "type", "must be an object"))
    return {}


class _Reader:
    """One event being read; findings are shared by all events of a batch."""

    def __init__(self, fields: Mapping[str, Any], at: str, findings: list[Problem]) -> None:
        self._fields, self._at, self._findings = fields, at, findings

    def text(self, name: str, most: int, *, pattern: re.Pattern[str] | None = None) -> str:
        """A text that must be there."""
        if self._fields and self._fields.get(name) is None:
            self._find(name, "missing_field", "this field is required")
            return ""
        value = self.maybe(name, most) or ""
        if value and pattern is not None and not pattern.fullmatch(value):
            self._find(name, "format", f"must match {pattern.pattern}")
        if self._fields and self._fields.get(name) == "":
            self._find(name, "too_short", "must not be empty")
        return value

    def maybe(self, name: str, most: int) -> str | None:
        """A text that may be there."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self._find(name, "type", "must be a string")
        elif len(value) > most:
            self._find(name, "too_long", f"has at most {most} characters")
        else:
            return value
        return None

    def time(self, name: str) -> int | None:
        """An RFC 3339 instant, as ms."""
        value = self.maybe(name, 64)
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value)
            ms = None if at.tzinfo is None else round(at.timestamp() * 1_000)
        except (ValueError, OverflowError):
            ms = None
        if ms is None or not TIME_MIN_MS <= ms <= TIME_MAX_MS:
            self._find(name, "format", "must be an instant such as 2026-11-23T08:00:00Z")
            return None
        return ms

    def data(self, value: object, name: str) -> msgspec.Raw:
        """Anything that is JSON, up to 256 KiB."""
        raw = msgspec.json.encode(value)
        if len(raw) > DATA_MAX_BYTES:
            self._find(name, "too_long", f"has at most {DATA_MAX_BYTES} bytes")
            return NULL
        return msgspec.Raw(raw)

    def decoded(self, name: str) -> object:
        """JSON in base64, else the base64 itself."""
        text = self.maybe(name, DATA_MAX_BYTES * 2) or ""
        try:
            return loads(base64.b64decode(text, validate=True))
        except (JsonSyntax, JsonEncoding, ValueError):
            return text
        except BadRequest as refused:  # JSON that we would not take as it is, either
            self._find(name, refused.code, refused.detail)
            return None

    def _find(self, name: str, code: str, message: str) -> None:
        self._findings.append(Problem(f"{self._at}/{name}", code, message))
