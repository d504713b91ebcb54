"""The part of a registration that says what an agent can do."""

import re
from collections.abc import Mapping
from typing import cast

from orchestra.agents import Capability
from orchestra.agents.registration.fields import Fields
from orchestra.errors import Problem
from orchestra.schemas.judging import fault_of

CAPABILITIES_MAX = 64
TIMEOUT_MS = (100, 3_600_000)
CAPABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./:-]{0,63}")


def read_capabilities(fields: Fields, *, required: bool) -> tuple[Capability, ...]:
    """Everything it declares; `required` where nobody else can say it."""
    if required and not fields.has("capabilities"):
        fields.find("capabilities", "missing_field", "this field is required, [] is allowed")
    found: list[Capability] = []
    for i, item in enumerate(fields.items("capabilities", CAPABILITIES_MAX) or []):
        at = f"{fields.at}/capabilities/{i}"
        if isinstance(item, str):
            item = {"name": item}  # noqa: PLW2901 -- the short form
        if not isinstance(item, dict):
            fields.findings.append(Problem(at, "type", "must be an object with a name"))
            continue
        inner = Fields(cast("Mapping[str, object]", item), at, fields.findings)
        one = _capability(inner)
        if one.name and any(one.name == other.name for other in found):
            inner.find("name", "duplicate_capability", "another capability has this name")
        found.append(one)
    return tuple(found)


def _capability(fields: Fields) -> Capability:
    fields.known(Capability.__struct_fields__)
    return Capability(
        name=fields.text("name", pattern=CAPABILITY),
        input_types=_types(fields, "input_types"),
        output_types=_types(fields, "output_types"),
        description=fields.text("description", "", most=4_096),
        input_schema=_schema(fields, "input_schema"),
        output_schema=_schema(fields, "output_schema"),
        idempotent=fields.flag("idempotent"),
        timeout_ms=fields.maybe_whole("timeout_ms", *TIMEOUT_MS),
    )


def _types(fields: Fields, field: str) -> tuple[str, ...]:
    items = fields.items(field, 32)
    if items is None:
        return ("any",)
    for i, item in enumerate(items):
        if not isinstance(item, str) or not 1 <= len(item) <= 64:
            at = f"{fields.at}/{field}/{i}"
            fields.findings.append(Problem(at, "type", "a type has 1 to 64 characters"))
    return tuple(item for item in items if isinstance(item, str))


def _schema(fields: Fields, field: str) -> dict[str, object] | None:
    inner = fields.inner(field)
    if inner is None:
        return None
    if fault := fault_of(inner.body):
        fields.find(field, "bad_schema", fault)
    return dict(inner.body)
