"""Schemas that users write: checked when saved, then compiled once and kept by digest.

jsonschema-rs would fetch a `$ref` from anywhere and run any pattern; here a retriever refuses and
patterns are linear, without look-around.
"""

import copy
import functools
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import jsonschema_rs
import msgspec
from msgspec import UNSET

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.digest import canonical
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_list, is_object
from orchestra.workflows.language.positions import escaped
from orchestra.workflows.language.schema_cost import PATHS_MAX, local, paths, references
from orchestra.workflows.language.shapes import Read, wrong_type

SCHEMA_MAX_BYTES: Final = 65_536
ERRORS_MAX: Final = 200


class CompiledSchema:
    """A schema ready for use."""

    def __init__(self, schema: Json) -> None:
        self._schema = schema
        self._validator = _validator(schema)

    def errors(self, value: Json) -> list[tuple[str, str]]:
        """(JSON Pointer, message) of everything that does not fit, at most 200."""
        found: list[tuple[str, str]] = []
        for error in self._validator.iter_errors(value):
            pointer = "".join(f"/{escaped(str(part))}" for part in error.instance_path)
            found.append((pointer, error.message[:500]))
            if len(found) == ERRORS_MAX:
                break
        return found

    def defaulted(self, value: Json) -> Json:
        """A copy of `value` in which missing properties have their `default`, at any depth."""
        return _defaulted(self._schema, copy.deepcopy(value), self._schema, 0)


def compiled(schema: Json) -> CompiledSchema:
    """`schema`, compiled; the same one for the same content. It must have passed the check."""
    return _compiled(canonical(schema))


@functools.lru_cache(maxsize=512)
def _compiled(source: bytes) -> CompiledSchema:
    return CompiledSchema(msgspec.json.decode(source))


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"remote reference {uri}")


def _validator(schema: Json) -> Any:
    options = jsonschema_rs.RegexOptions()
    return jsonschema_rs.Draft202012Validator(schema, retriever=_refuse, pattern_options=options)


class UserSchema(msgspec.Struct, frozen=True):
    """The shape of a place that holds a user's schema."""

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_object(value):
            return wrong_type("an object (a JSON Schema)", value, at, found)
        return UNSET if _refused(value, at, found) else value

    def schema(self) -> dict[str, Json]:
        return {"type": "object", "description": "JSON Schema, draft 2020-12."}


def _refused(schema: dict[str, Json], at: str, found: Findings) -> bool:
    size = len(msgspec.json.encode(schema))
    if size > SCHEMA_MAX_BYTES:
        text = f"a schema may have {SCHEMA_MAX_BYTES:,} bytes, has {size:,}"
        found.error("schema.too_complex", at, text)
        return True
    remote = [(place, uri) for place, uri in references(schema) if not uri.startswith("#")]
    for place, uri in remote:
        text = f"refers to '{uri[:200]}': only '#/…' inside the same schema is followed"
        found.error("schema.remote_ref", f"{at}{place}", text)
    if remote:
        return True
    if paths(schema) > PATHS_MAX:
        text = f"anyOf, oneOf, allOf and $ref multiply to more than {PATHS_MAX:,} paths"
        found.error("schema.too_complex", at, text)
        return True
    try:
        _validator(schema)
    except jsonschema_rs.ValidationError as error:
        place = "".join(f"/{escaped(str(part))}" for part in error.instance_path)
        found.error("schema.invalid", f"{at}{place}", error.message[:500])
    except ValueError as error:
        found.error("schema.invalid", at, str(error)[:500])
    else:
        return False
    return True


_DEPTH_MAX: Final = 64


def _defaulted(schema: Json, value: Json, root: Json, depth: int) -> Json:
    """Values that come from a default are filled too, but never through a `$ref`: that may end
    nowhere.
    """
    if not is_object(schema) or depth > _DEPTH_MAX:
        return value
    for part in _in_place(schema, root):
        value = _defaulted(part, value, root, depth + 1)
    if is_object(value):
        properties = schema.get("properties")
        for name, part in properties.items() if is_object(properties) else ():
            if name in value:
                value[name] = _defaulted(part, value[name], root, depth + 1)
            elif is_object(part) and "default" in part:
                value[name] = _defaulted(part, copy.deepcopy(part["default"]), None, depth + 1)
    elif is_list(value) and is_object(schema.get("items")):
        value[:] = [_defaulted(schema["items"], item, root, depth + 1) for item in value]
    return value


def _in_place(schema: dict[str, Json], root: Json) -> Iterator[Json]:
    parts = schema.get("allOf")
    yield from parts if is_list(parts) else ()
    if root is not None and type(schema.get("$ref")) is str:
        yield local(root, schema["$ref"])
