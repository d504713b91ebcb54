"""Request bodies into structs: every finding at once, where msgspec stops at the first."""

import difflib
from functools import cache
from typing import TypeVar, cast

import msgspec

from orchestra.errors import Invalid, Problem
from orchestra.security.hardened import loads

T = TypeVar("T", bound=msgspec.Struct)


class RequestInvalid(Invalid):
    """The body is JSON and does not have the shape this route takes."""


def read_body(body: bytes, kind: type[T]) -> T:
    """The body as `kind`; an empty one is all defaults. Raises BadRequest, RequestInvalid."""
    return converted(loads(body) if body else dict[str, object](), kind)


def converted(raw: object, kind: type[T]) -> T:
    """Each field by itself, so that one mistake does not hide the next. Raises RequestInvalid."""
    if not isinstance(raw, dict):
        finding = Problem("", "field.type", "the body has to be an object")
        raise RequestInvalid("the body is not valid", [finding])
    given = cast("dict[str, object]", raw)
    fields = _fields(kind)
    found: list[Problem] = []
    values: dict[str, object] = {}
    for name, value in given.items():
        at = "/" + name.replace("~", "~0").replace("/", "~1")
        field = fields.get(name)
        if field is None:
            near = difflib.get_close_matches(name, fields, 1)
            message = f"there is no field {name[:64]!r}; known: {', '.join(fields)}"
            found.append(Problem(at, "field.unknown", message, near[0] if near else None))
            continue
        try:
            values[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            found.append(Problem(at, "field.type", str(error)))
    for name, field in fields.items():
        if field.required and name not in given:
            found.append(Problem(f"/{name}", "field.missing", f"{name!r} is missing"))
    if found:
        raise RequestInvalid("the body is not valid", found)
    return kind(**values)


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields of a struct by the name they have in JSON. Looking them up costs 100 µs."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}
