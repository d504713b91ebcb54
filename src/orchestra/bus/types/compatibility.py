"""Whether a schema takes all that the one before it took. Pure.

What cannot be shown to be as wide is a finding: a keyword is judged when it is one of those below,
else it has to be the same or gone. A property the old schema did not name may be named now, unless
it is required: that is how events grow.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from orchestra.errors import Problem

FINDINGS_MAX: Final = 100
DEPTH_MAX: Final = 64
_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FREE: Final = frozenset(
    {
        "$anchor", "$comment", "$defs", "$id", "$schema", "$vocabulary", "contentEncoding",
        "contentMediaType", "contentSchema", "default", "definitions", "deprecated",
        "description", "examples", "format", "readOnly", "title", "writeOnly",
    }
)  # fmt: skip
_JUDGED: Final = frozenset(
    {
        *_LEAST, *_MOST, "$ref", "additionalProperties", "anyOf", "const", "enum", "items",
        "multipleOf", "properties", "required", "type", "uniqueItems",
    }
)  # fmt: skip
_ANY: Final = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})

Schema = Mapping[str, Any]
_text = msgspec.json.Encoder(order="deterministic").encode


def narrowed(old: Schema, new: Schema) -> list[Problem]:
    """Where `new` may refuse what `old` took; empty when it does not."""
    judge = _Judge(old, new)
    judge.compare(old, new, "", 0)
    return judge.findings


class _Judge:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._same_parts = all(old.get(one) == new.get(one) for one in ("$defs", "definitions"))
        self._met: set[tuple[str, str]] = set()
        self.findings: list[Problem] = []

    def compare(self, old: object, new: object, at: str, depth: int) -> None:
        """Find what is narrower at this place and below."""
        if self._is_same(old, new) or new is True or old is False:
            return
        if depth > DEPTH_MAX or len(self.findings) >= FINDINGS_MAX:
            self._find(at, "nested too deep to be compared")
            return
        if new is False or not isinstance(new, dict):
            self._find(at, "takes nothing any more")
            return
        was = cast("Schema", old if isinstance(old, dict) else {})
        now = cast("Schema", new)
        if "$ref" in was or "$ref" in now:
            self._follow(was, now, at, depth)
            return
        self._values(was, now, at)
        self._bounds(was, now, at)
        self._object(was, now, at, depth)
        self.compare(was.get("items", True), now.get("items", True), f"{at}/items", depth + 1)
        for word in now.keys() - _FREE - _JUDGED:
            if not self._is_same(was.get(word), now[word]):
                self._find(f"{at}/{word}", "was changed, which cannot be judged")
        if {"then", "else"} & now.keys() and not self._is_same(was.get("if"), now.get("if")):
            self._find(f"{at}/if", "was changed, which cannot be judged")

    def _is_same(self, old: object, new: object) -> bool:
        # As text: 1 and true are equal here, and are not in JSON.
        return _text(old) == _text(new) and (self._same_parts or not _refers(new))

    def _follow(self, old: Schema, new: Schema, at: str, depth: int) -> None:
        pair = (str(old.get("$ref", at)), str(new.get("$ref", at)))
        if pair in self._met:
            return
        self._met.add(pair)
        if any("$ref" in one and one.keys() - _FREE != {"$ref"} for one in (old, new)):
            self._find(at, "has $ref beside other keywords, which cannot be judged")
            return
        was, now = _meant(self._old, old), _meant(self._new, new)
        if was is None or now is None:
            self._find(at, "refers to what cannot be followed")
            return
        self.compare(was, now, at, depth + 1)

    def _values(self, old: Schema, new: Schema, at: str) -> None:
        types = _types(new)
        gone = sorted(one for one in _types(old) if one not in types)
        if gone:
            self._find(f"{at}/type", f"no longer takes {', '.join(gone)}")
        allowed, was = _listed(new), _listed(old)
        if allowed is not None and (was is None or any(not _in(one, allowed) for one in was)):
            word = "const" if "const" in new else "enum"
            self._find(f"{at}/{word}", "leaves out values that were allowed")
        if "anyOf" in new and "anyOf" in old:
            here = cast("list[object]", new["anyOf"])
            if any(not any(self._is_same(one, other) for other in here) for one in old["anyOf"]):
                self._find(f"{at}/anyOf", "leaves out an alternative")
        elif "anyOf" in new:
            self._find(f"{at}/anyOf", "is new")

    def _bounds(self, old: Schema, new: Schema, at: str) -> None:
        for word in _LEAST:
            # Every length is at least 0.
            asks = word in new and (new[word] != 0 or word in ("minimum", "exclusiveMinimum"))
            if asks and not (word in old and old[word] >= new[word]):
                self._find(f"{at}/{word}", "is higher than it was")
        for word in _MOST:
            if word in new and not (word in old and old[word] <= new[word]):
                self._find(f"{at}/{word}", "is lower than it was")
        step = new.get("multipleOf")
        if step is not None and (not old.get("multipleOf") or old["multipleOf"] % step):
            self._find(f"{at}/multipleOf", "leaves out values that were allowed")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            self._find(f"{at}/uniqueItems", "is new")

    def _object(self, old: Schema, new: Schema, at: str, depth: int) -> None:
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                self._find(f"{at}/required", f"{str(name)[:64]!r} was not required")
        was, now = old.get("properties", {}), new.get("properties", {})
        others, before = (
            new.get("additionalProperties", True),
            old.get("additionalProperties", True),
        )
        for name, schema in was.items():
            place = f"{at}/properties/{name[:64].replace('~', '~0').replace('/', '~1')}"
            self.compare(schema, now.get(name, others), place, depth + 1)
        self.compare(before, others, f"{at}/additionalProperties", depth + 1)

    def _find(self, at: str, message: str) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Problem(at, "narrower", message))


def _types(schema: Schema) -> frozenset[str]:
    """The types it takes: a number may be an integer."""
    given = schema.get("type")
    if given is None:
        return _ANY
    found = set(cast("list[str]", given) if isinstance(given, list) else [str(given)])
    return frozenset(found | {"integer"} if "number" in found else found)


def _listed(schema: Schema) -> list[object] | None:
    """The values it is confined to."""
    if "const" in schema:
        return [schema["const"]]
    return cast("list[object] | None", schema.get("enum"))


def _in(value: object, values: list[object]) -> bool:
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)


def _refers(value: object) -> bool:
    if isinstance(value, dict):
        inner = cast("Schema", value)
        return "$ref" in inner or any(map(_refers, inner.values()))
    return isinstance(value, list) and any(map(_refers, cast("list[object]", value)))


def _meant(root: Schema, schema: Schema) -> object:
    """What a `$ref` to a place in the same schema stands for; itself when it has none."""
    if "$ref" not in schema:
        return schema
    at: object = root
    for part in str(schema["$ref"]).removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        at = cast("Schema", at).get(name) if isinstance(at, dict) else None
    return at
