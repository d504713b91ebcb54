"""What checking a value against a schema may cost: how often one place in it is looked at.

Branches that refer to each other double with each step: 2 KB of schema can take longer than anybody
lives, in code that nothing stops. So the work is counted before a schema is taken: how many
subschemas can meet at one place of a value, at any depth.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import unquote

MEETING_MAX: Final = 2_000
LEVELS_MAX: Final = 64
_SAME: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
_ITEMS: Final = frozenset({"additionalItems", "contains", "items", "unevaluatedItems"})
_MEMBERS: Final = frozenset({"additionalProperties", "propertyNames", "unevaluatedProperties"})
_BY_NAME: Final = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "dependencies"}
)  # fmt: skip
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")

Node = Mapping[str, Any]


class Endless(Exception):
    """It refers to itself at the same place of a value."""


class _Graph:
    """The subschemas, and which leads to which: at the same place, or below any or one member."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._nodes: dict[int, Node] = {}
        self._anchors: dict[str, list[Node]] = {}
        self.same: dict[int, list[int]] = {}
        self.items: dict[int, list[tuple[str, int]]] = {}
        self.members: dict[int, list[tuple[str, int]]] = {}
        self._collect(root)
        for node in list(self._nodes.values()):
            self._join(node)

    def _collect(self, root: object) -> None:
        for node in _objects([root]):
            self._nodes[id(node)] = node
            for name in ("$anchor", "$dynamicAnchor"):
                if isinstance(node.get(name), str):
                    self._anchors.setdefault(node[name], []).append(node)

    def _join(self, node: Node) -> None:
        same: list[int] = []
        items: list[tuple[str, int]] = []
        members: list[tuple[str, int]] = []
        for word, value in node.items():
            if word in _SAME:
                same += map(id, _inner(value))
            elif word in _REFERENCES and isinstance(value, str):
                same += map(id, self._targets(value))
            elif word in _ITEMS:
                items += [("", id(one)) for one in _inner(value)]
            elif word in _MEMBERS:
                members += [("", id(one)) for one in _inner(value)]
            elif word == "prefixItems":
                items += [(f"[{i}]", id(one)) for i, one in enumerate(_inner(value))]
            elif word in _BY_NAME and isinstance(value, dict):
                found = cast("dict[str, Any]", value)
                pairs = [(name, id(found[name])) for name in found if _inner(found[name])]
                if word == "properties":
                    members += pairs
                elif word == "patternProperties":
                    members += [("", one) for _, one in pairs]
                else:
                    same += [one for _, one in pairs]
        self.same[id(node)], self.items[id(node)], self.members[id(node)] = same, items, members

    def _targets(self, reference: str) -> list[Node]:
        pointer = unquote(reference.partition("#")[2])
        if not pointer.startswith("/"):
            return self._anchors.get(pointer, []) if pointer else [self._root]
        at: Any = self._root
        for part in pointer[1:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(at, list):
                members = enumerate(cast("list[Any]", at))
                at = next((one for i, one in members if str(i) == name), None)
            else:
                at = cast("dict[str, Any]", at).get(name) if isinstance(at, dict) else None
        return _schemas([at])

    def order(self) -> list[int]:
        """Each before those it leads to at the same place. Raises Endless."""
        waits = Counter(target for targets in self.same.values() for target in targets)
        ready = [node for node in self.same if not waits[node]]
        found: list[int] = []
        while ready:
            node = ready.pop()
            found.append(node)
            for target in self.same[node]:
                waits[target] -= 1
                if not waits[target]:
                    ready.append(target)
        if len(found) < len(self.same):
            raise Endless
        return found

    def shorten(self) -> None:
        """Members lead to what is behind a `$ref`, or behind one that may be null as well: two
        of these that mean the same are the same. There is no circle in `same` by then.
        """
        for edges in (self.items, self.members):
            for node, found in edges.items():
                edges[node] = [(name, self._meant(target)) for name, target in found]

    def _meant(self, node: int) -> int:
        while not self.items[node] and not self.members[node]:
            further = [one for one in self.same[node] if self._leads_on(one)]
            if len(further) != 1:
                return node
            node = further[0]
        return node

    def _leads_on(self, node: int) -> bool:
        return bool(self.same[node] or self.items[node] or self.members[node])


def meeting(schema: Node) -> int:
    """How many subschemas can meet at one place, as far as that is below MEETING_MAX.

    An upper bound. Raises Endless.
    """
    graph = _Graph(schema)
    order = graph.order()
    graph.shorten()
    begun = Counter({id(schema): 1})
    most = 0
    for _ in range(LEVELS_MAX):
        here = Counter(begun)
        for node in order:
            if count := here[node]:
                for target in graph.same[node]:
                    here[target] += count
        most = max(most, here.total())
        if most > MEETING_MAX:
            return most
        there = _below(graph, here)
        if not there or there == begun:
            return most
        begun = there
    return most


def _below(graph: _Graph, here: Counter[int]) -> Counter[int]:
    """What meets one step further down, at the member where most does: of a list or an object."""
    met: Counter[int] = Counter()
    for edges in (graph.items, graph.members):
        anywhere: Counter[int] = Counter()
        named: Counter[tuple[str, int]] = Counter()
        for node, count in here.items():
            for name, target in edges[node]:
                if name:
                    named[name, target] += count
                else:
                    anywhere[target] += count
        most: Counter[int] = Counter()
        for (_, target), count in named.items():
            most[target] = max(most[target], count)
        met |= anywhere + most
    return met


def _inner(value: object) -> list[Node]:
    """The schema, or those in a list."""
    return _schemas(cast("list[Any]", value) if isinstance(value, list) else [value])


def _schemas(values: list[Any]) -> list[Node]:
    return [cast("Node", one) for one in values if isinstance(one, dict)]


def nested_ids(schema: Node) -> Iterator[str]:
    """`$id` below the top: references under it mean something else."""
    for node in _objects(list(schema.values())):
        if isinstance(node.get("$id"), str):
            yield node["$id"]


def patterns_in(schema: Node) -> int:
    """How many patterns are in it. Each may take much memory."""
    found = 0
    for node in _objects([schema]):
        by_pattern = node.get("patternProperties")
        found += isinstance(node.get("pattern"), str)
        found += len(cast("Node", by_pattern)) if isinstance(by_pattern, dict) else 0
    return found


def _objects(values: list[Any]) -> Iterator[Node]:
    """Every object, at any depth."""
    pending = list(values)
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            node = cast("Node", item)
            yield node
            pending += node.values()
        elif isinstance(item, list):
            pending += cast("list[Any]", item)
