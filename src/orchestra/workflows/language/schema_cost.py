"""What checking a value against a schema can cost, before anything is checked.

`anyOf`, `oneOf`, `allOf` and `$ref` look at the same value again. Nested through references they
multiply: 26 of them doubling once took 1.1 s for one value.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.kinds import is_list, is_object
from orchestra.workflows.language.positions import escaped

PATHS_MAX: Final = 10_000
_DEPTH: Final = 16
"""How many levels of a value are looked at: what doubles at each is over the limit by then."""

_SAME_LISTS: Final = ("anyOf", "oneOf", "allOf")
_SAME: Final = ("not", "if", "then", "else")
_SAME_MAPS: Final = ("dependentSchemas",)
_BELOW: Final = (
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_BELOW_LISTS: Final = ("prefixItems",)
_BELOW_MAPS: Final = ("properties", "patternProperties")
_MAPS: Final = (*_SAME_MAPS, *_BELOW_MAPS, "$defs", "definitions")


def references(schema: Json) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, target) of every `$ref` and `$dynamicRef`."""
    pending: list[tuple[str, Json]] = [("", schema)]
    while pending:
        at, part = pending.pop()
        if not is_object(part):
            continue
        for word in ("$ref", "$dynamicRef"):
            if type(part.get(word)) is str:
                yield f"{at}/{word}", part[word]
        pending += [(f"{at}/{word}", part.get(word)) for word in (*_SAME, *_BELOW)]
        for word in (*_SAME_LISTS, *_BELOW_LISTS):
            items = part.get(word)
            pending += [(f"{at}/{word}/{n}", item) for n, item in enumerate(_list(items))]
        for word in _MAPS:
            pending += [(f"{at}/{word}/{escaped(k)}", i) for k, i in _map(part.get(word)).items()]


def paths(schema: Json) -> int:
    """The most ways in which one value, with those inside it, is looked at."""
    if not any(True for _ in references(schema)):
        return 1  # Without references there are fewer than the schema has parts.
    try:
        return _Cost(schema).of(schema, _DEPTH)
    except RecursionError:
        return PATHS_MAX + 1


class _Cost:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._known: dict[tuple[int, int], int] = {}

    def of(self, schema: Json, depth: int) -> int:
        """Ways through `schema`, for a value `depth` levels deep."""
        if not is_object(schema):
            return 1
        key = (id(schema), depth)
        if key not in self._known:
            self._known[key] = PATHS_MAX + 1  # while it is being counted: it contains itself
            total = 1 + sum(self.of(part, depth) for part in self._same(schema))
            if depth:
                total += max((self.of(part, depth - 1) for part in _below(schema)), default=0)
            self._known[key] = min(total, PATHS_MAX + 1)
        return self._known[key]

    def _same(self, schema: dict[str, Json]) -> Iterator[Json]:
        for word in _SAME_LISTS:
            yield from _list(schema.get(word))
        for word in _SAME:
            if word in schema:
                yield schema[word]
        for word in _SAME_MAPS:
            yield from _map(schema.get(word)).values()
        for word in ("$ref", "$dynamicRef"):
            if type(schema.get(word)) is str:
                yield local(self._root, schema[word])


def _below(schema: dict[str, Json]) -> Iterator[Json]:
    for word in _BELOW:
        if word in schema:
            yield schema[word]
    for word in _BELOW_LISTS:
        yield from _list(schema.get(word))
    for word in _BELOW_MAPS:
        yield from _map(schema.get(word)).values()


def _list(value: Json) -> list[Json]:
    return value if is_list(value) else []


def _map(value: Json) -> dict[str, Json]:
    return value if is_object(value) else {}


def local(root: Json, reference: str) -> Json:
    """The part of `root` that `#/…` or `#anchor` names; None when there is none."""
    name = unquote(reference[1:])
    if name and not name.startswith("/"):
        return _anchored(root, name)
    at = root
    for part in name.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if is_object(at):
            at = at.get(key)
        elif is_list(at) and key.isascii() and key.isdigit() and int(key) < len(at):
            at = at[int(key)]
        else:
            return None
    return at


def _anchored(root: Json, name: str) -> Json:
    pending = [root]
    while pending:
        part = pending.pop()
        if is_object(part):
            if name in (part.get("$anchor"), part.get("$dynamicAnchor")):
                return part
            pending += part.values()
        elif is_list(part):
            pending += part
    return None
