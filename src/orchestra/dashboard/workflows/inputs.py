"""A form made from a schema: its fields, and the input that somebody typed into them. Pure."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from orchestra.dashboard.forms import json_of
from orchestra.errors import BadRequest

FIELDS_MAX: Final = 60
OPTIONS_MAX: Final = 100
PREFIX: Final = "in."
LONG: Final = 120
EMPTY: Final[Mapping[str, object]] = {
    "string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "null": None,
}  # fmt: skip

Document = dict[str, Any]


class Field(msgspec.Struct, frozen=True):
    """One field. `kind`: text, long, number, check, choice (of `options`), json."""

    key: str
    kind: str
    value: str = ""
    hint: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What it is called in the form."""
        return PREFIX + self.key


def fields_of(schema: object, given: object) -> list[Field]:
    """The fields for the properties of an object; none where a form cannot say it all."""
    if not isinstance(schema, dict) or not isinstance(given, dict):
        return []
    about, values = cast("Document", schema), cast("Document", given)
    properties = about.get("properties")
    if not isinstance(properties, dict) or about.get("type", "object") != "object":
        return []
    known = cast("Document", properties)
    if not known or len(known) > FIELDS_MAX or not values.keys() <= known.keys():
        return []
    needed = about.get("required")
    required = cast("list[object]", needed) if isinstance(needed, list) else []
    return [
        _field(
            key, cast("Document", part) if isinstance(part, dict) else {}, values, key in required
        )
        for key, part in known.items()
    ]


def _field(key: str, about: Document, values: Document, required: bool) -> Field:
    absent = key not in values
    value = values.get(key, about.get("default"))
    hint, options = str(about.get("description", "")), about.get("enum")
    if isinstance(options, list) and 0 < len(cast("list[object]", options)) <= OPTIONS_MAX:
        pairs = tuple((_json(one), _plain(one)) for one in cast("list[object]", options))
        chosen = "" if absent and value is None else _json(value)
        return Field(key, "choice", chosen, hint, required, pairs)
    kind = about.get("type")
    if kind == "boolean":
        return Field(key, "check", "true" if value is True else "", hint, required)
    if kind == "string" and (absent or isinstance(value, str)):
        text = str(value or "")
        long = len(text) > LONG or "\n" in text or int_of(about.get("maxLength"), LONG) > LONG
        return Field(
            key, "long" if long or "maxLength" not in about else "text", text, hint, required
        )
    if kind in ("integer", "number"):
        return Field(key, "number", "" if value is None else _plain(value), hint, required)
    return Field(key, "json", "" if absent and value is None else _json(value, 2), hint, required)


def int_of(value: object, otherwise: int) -> int:
    """A whole number of a schema, which anybody may have written."""
    return value if type(value) is int else otherwise


def input_of(schema: object, form: Mapping[str, str]) -> tuple[Document, dict[str, str]]:
    """What was typed, as the schema has it, and for a field that cannot be read what is wrong."""
    made: Document = {}
    wrong: dict[str, str] = {}
    for field in fields_of(schema, {}):
        text = form.get(field.name, "")
        if field.kind == "check":
            if text or field.required or field.value:
                made[field.key] = bool(text)
        elif field.kind in ("text", "long"):
            if text or field.required:
                made[field.key] = text
        elif text.strip():
            try:
                made[field.key] = json_of(text)
            except BadRequest as error:
                wrong[field.key] = (
                    "must be a number" if field.kind == "number" else f"is no JSON: {error.detail}"
                )
                made[field.key] = text
    return made, wrong


def example_of(schema: Document) -> object:
    """An input that a schema may be happy with: defaults, examples, or something of the type."""
    for name in ("default", "const"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if isinstance(schema.get(name), list) and schema[name]:
            return schema[name][0]
    given = schema.get("properties")
    properties = cast("Document", given) if isinstance(given, dict) else Document()
    if properties or schema.get("type") in ("object", None):
        return {name: example_of(part) for name, part in properties.items() if _is_object(part)}
    kind: object = schema.get("type")
    kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
    return next((EMPTY[one] for one in kinds if isinstance(one, str) and one in EMPTY), "")


def _is_object(part: object) -> bool:
    return isinstance(part, dict)


def text_of(value: object) -> str:
    """JSON as people read it."""
    return _json(value, 2)


def _json(value: object, indent: int = 0) -> str:
    raw = msgspec.json.encode(value)
    return (msgspec.json.format(raw, indent=indent) if indent else raw).decode()


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _json(value)
