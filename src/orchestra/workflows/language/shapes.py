"""The shapes of values in the language. Each can read a value and describe itself.

One table of these (language.py) is both what the loader accepts and what the JSON Schema says, so
the two cannot drift apart. `read` answers the value as the normalised document has it, or UNSET
after it has reported what is wrong.
"""

import re
from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from orchestra.workflows.language import durations
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_list, is_object, kind_of
from orchestra.workflows.language.positions import escaped

Read: TypeAlias = Json | UnsetType


class Shape(Protocol):
    """What values of one place look like."""

    def read(self, value: Json, at: str, found: Findings) -> Read:
        """The value, cleaned; UNSET when it is unusable, and then `found` says why."""
        ...

    def schema(self) -> dict[str, Json]:
        """The same as JSON Schema, draft 2020-12."""
        ...


def wrong_type(wanted: str, value: Json, at: str, found: Findings) -> UnsetType:
    """Report a value of another JSON type than the one wanted."""
    meant = _as_wanted(wanted, value)
    fix = None if meant is None else [{"op": "replace", "path": at, "value": meant}]
    found.error("field.type", at, f"must be {wanted}, not {kind_of(value)}", fix=fix)
    return UNSET


def _as_wanted(wanted: str, value: Json) -> Json:
    """The value in the type it was meant to have; None where that cannot be told."""
    if wanted == "a text" and type(value) in (int, float):
        return str(value)
    if type(value) is not str:
        return None
    if wanted == "true or false" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    whole = re.fullmatch(r"-?[0-9]{1,15}", value)
    if wanted in ("a whole number", "a number") and whole:
        return int(value)
    return None


class Text(msgspec.Struct, frozen=True):
    """A text. `like` says in words what `pattern`, which must match all of it, asks for."""

    most: int
    least: int = 0
    pattern: str = ""
    like: str = ""
    code: str = "field.range"

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if type(value) is not str:
            return wrong_type("a text", value, at, found)
        if not self.least <= len(value) <= self.most:
            text = f"must have {self.least} to {self.most} characters, has {len(value)}"
        elif self.pattern and not re.fullmatch(self.pattern, value):
            text = f"must be {self.like}"
        else:
            return value
        found.error(self.code, at, text)
        return UNSET

    def schema(self) -> dict[str, Json]:
        made: dict[str, Json] = {"type": "string", "maxLength": self.most}
        if self.least:
            made["minLength"] = self.least
        if self.pattern:
            made["pattern"] = f"^(?:{self.pattern})$"
        return made


class Choice(msgspec.Struct, frozen=True):
    """One of a few words. `later` are words of the language that this version does not do."""

    words: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if type(value) is not str:
            return wrong_type("a text", value, at, found)
        if value in self.words:
            return value
        if value in self.later:
            found.error("field.unsupported", at, f"'{value}' is not available in this version")
            return UNSET
        meant = found.nearest(value, self.words)
        fix = [{"op": "replace", "path": at, "value": meant}] if meant else None
        listed = ", ".join(f"'{word}'" for word in self.words)
        found.error("field.range", at, f"must be one of {listed}", suggestion=meant, fix=fix)
        return UNSET

    def schema(self) -> dict[str, Json]:
        return {"enum": list(self.words)}


class Number(msgspec.Struct, frozen=True):
    """A number between two bounds, both included; `whole` numbers may be written as 3.0."""

    least: int
    most: int
    whole: bool = True

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if type(value) not in (int, float) or (self.whole and int(value) != value):
            return wrong_type("a whole number" if self.whole else "a number", value, at, found)
        if not self.least <= value <= self.most:
            found.error("field.range", at, f"must be from {self.least:,} to {self.most:,}")
            return UNSET
        return int(value) if self.whole else value

    def schema(self) -> dict[str, Json]:
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.least, "maximum": self.most}


class Flag(msgspec.Struct, frozen=True):
    """True or false."""

    def read(self, value: Json, at: str, found: Findings) -> Read:
        return value if type(value) is bool else wrong_type("true or false", value, at, found)

    def schema(self) -> dict[str, Json]:
        return {"type": "boolean"}


class Duration(msgspec.Struct, frozen=True):
    """A duration with its unit. The bounds are rules no schema can say."""

    least_ms: int
    most_ms: int

    def read(self, value: Json, at: str, found: Findings) -> Read:
        ms = durations.parsed_ms(value)
        if ms is None:
            meant = durations.repaired(value)
            fix = [{"op": "replace", "path": at, "value": meant}] if meant else None
            text = 'must be a duration with its unit, such as "30s" or "1h30m"'
            found.error("duration.bad", at, text, suggestion=meant, fix=fix)
            return UNSET
        if not self.least_ms <= ms <= self.most_ms:
            bounds = f"{durations.shown(self.least_ms)} to {durations.shown(self.most_ms)}"
            found.error("field.range", at, f"must be from {bounds}")
            return UNSET
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "pattern": f"^{durations.PATTERN}$", "examples": ["30s"]}


class Templated(msgspec.Struct, frozen=True):
    """A value of `shape`, or a template that gives one when it is rendered."""

    shape: Shape

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if type(value) is str and "${" in value:
            return value
        return self.shape.read(value, at, found)

    def schema(self) -> dict[str, Json]:
        return {"anyOf": [self.shape.schema(), {"type": "string", "pattern": r"\$\{"}]}


class Anything(msgspec.Struct, frozen=True):
    """A template: any JSON, whose strings may hold `${expression}`. Or data we only carry."""

    def read(self, value: Json, at: str, found: Findings) -> Read:  # noqa: ARG002 - takes all
        return value

    def schema(self) -> dict[str, Json]:
        return {}


class AnyObject(msgspec.Struct, frozen=True):
    """An object with any keys. `most_bytes`, as JSON, is a rule no schema can say."""

    most_bytes: int = 0

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_object(value):
            return wrong_type("an object", value, at, found)
        if self.most_bytes and len(msgspec.json.encode(value)) > self.most_bytes:
            found.error("limit.bytes", at, f"may have {self.most_bytes:,} bytes")
            return UNSET
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "object"}


class Texts(msgspec.Struct, frozen=True):
    """Labels: an object of texts."""

    most: int = 16
    item: Text = Text(256)

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_object(value):
            return wrong_type("an object", value, at, found)
        if len(value) > self.most:
            found.error("field.range", at, f"may have {self.most} entries, has {len(value)}")
            return UNSET
        read = {
            key: self.item.read(item, f"{at}/{escaped(key)}", found) for key, item in value.items()
        }
        return {key: item for key, item in read.items() if item is not UNSET}

    def schema(self) -> dict[str, Json]:
        item = self.item.schema()
        return {"type": "object", "maxProperties": self.most, "additionalProperties": item}


class ListOf(msgspec.Struct, frozen=True):
    """A list. An item that cannot be read leaves None in its place: pointers go on counting."""

    item: Shape
    most: int
    least: int = 0
    what: str = "a list"

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_list(value):
            fix = [{"op": "replace", "path": at, "value": [value]}]
            text = f"must be {self.what}, not {kind_of(value)}"
            found.error("field.type", at, text, fix=fix if type(value) in (str, dict) else None)
            return UNSET
        if not self.least <= len(value) <= self.most:
            bounds = f"{self.least:,} to {self.most:,}"
            found.error("field.range", at, f"must have {bounds} entries, has {len(value):,}")
        made = [self.item.read(v, f"{at}/{n}", found) for n, v in enumerate(value[: self.most])]
        return [None if item is UNSET else item for item in made]

    def schema(self) -> dict[str, Json]:
        made: dict[str, Json] = {"type": "array", "items": self.item.schema()}
        if self.least:
            made["minItems"] = self.least
        return {**made, "maxItems": self.most}


class Either(msgspec.Struct, frozen=True):
    """A short form that is a text or a number, or the long form: an object, or a number."""

    short: Shape
    long: Shape

    def read(self, value: Json, at: str, found: Findings) -> Read:
        longer = (int, float) if isinstance(self.long, Number) else (dict,)
        return (self.long if type(value) in longer else self.short).read(value, at, found)

    def schema(self) -> dict[str, Json]:
        return {"anyOf": [self.short.schema(), self.long.schema()]}


class Deferred(msgspec.Struct, frozen=True):
    """A shape that contains itself; in the schema it is a definition of that `name`."""

    name: str
    shape: Callable[[], Shape]

    def read(self, value: Json, at: str, found: Findings) -> Read:
        return self.shape().read(value, at, found)

    def schema(self) -> dict[str, Json]:
        return {"$ref": f"#/$defs/{self.name}"}
