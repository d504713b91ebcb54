"""The tree of a definition: every step with its path, its pointer and the scope it stands in.

Building it gives steps without an id theirs, and finds ids that are taken.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.parts import Inner, objects, scopes
from orchestra.workflows.language.tables import DEPTH_MAX, ID


class Node(msgspec.Struct, eq=False):
    """A step in its place. `inner`: the scopes inside it."""

    step: dict[str, Json]
    id: str
    at: str
    path: str
    index: int
    scope: "Block"
    inner: list["Block"] = []


class Block(msgspec.Struct, eq=False):
    """A scope in its place. `owner`: the step it is in; None for the body."""

    at: str
    role: str
    owner: Node | None
    nodes: list[Node] = []
    by_id: dict[str, Node] = {}
    part: Inner | None = None

    @property
    def steps(self) -> list[dict[str, Json]]:
        """The steps, in order."""
        return [node.step for node in self.nodes]

    def outwards(self) -> Iterator["Block"]:
        """The scope itself, then those around it."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.owner.scope if block.owner else None

    def visible(self, name: str) -> Node | None:
        """The step that `steps.<name>` means here."""
        return next((b.by_id[name] for b in self.outwards() if name in b.by_id), None)


_SLUG: Final = re.compile(ID)
Taken = dict[str, str]
"""Ids of a namespace, and of those around it, with the pointer of their step."""


def outline(steps: Json, found: Findings) -> Block:
    """The tree of the body. Writes missing ids into the steps."""
    return _Outliner(found).block(Inner("default", "/steps", objects(steps)), None, {}, {}, "", 1)


def every_node(block: Block) -> Iterator[Node]:
    """All steps, in document order."""
    for node in block.nodes:
        yield node
        for inner in node.inner:
            yield from every_node(inner)


class _Outliner:
    def __init__(self, found: Findings) -> None:
        self._found = found

    def block(
        self, part: Inner, owner: Node | None, mine: Taken, outer: Taken, prefix: str, depth: int
    ) -> Block:
        """The tree of one scope.

        `mine`: its namespace, shared by the scopes of one step; `outer`: those around it.
        """
        block = Block(part.at, part.role if owner else "body", owner, part=part)
        if depth > DEPTH_MAX:
            self._found.error("limit.depth", part.at, f"scopes may be {DEPTH_MAX} deep")
            return block
        steps = objects(part.steps)
        for index, step in enumerate(steps):
            self._take(step.get("id", ""), f"{part.at}/{index}/id", mine, outer)
        below = {name for step in steps for name in _ids_below(step)}
        for index, step in enumerate(steps):
            step.setdefault("type", "")
            if not step.get("id"):
                step["id"] = _made_id(step, index, {*mine, *outer, *below})
                mine[step["id"]] = f"{part.at}/{index}"
            node = Node(step, step["id"], f"{part.at}/{index}", prefix + step["id"], index, block)
            block.nodes.append(node)
            block.by_id.setdefault(node.id, node)
        for node in block.nodes:
            self._inside(node, {**outer, **mine}, depth)
        return block

    def _inside(self, node: Node, outer: Taken, depth: int) -> None:
        parts = list(scopes(node.step, node.at))
        if not parts:
            return
        shared: Taken = {}
        for n, branch in enumerate(p for p in parts if p.role == "branch"):
            at = f"{node.at}/branches/{n}/id"
            self._take(branch.branch, at, shared, outer)
        for part in parts:
            if part.role == "branch":
                prefix = f"{node.path}/{part.branch}/"
                node.inner.append(self.block(part, node, {}, outer, prefix, depth + 1))
            else:
                made = self.block(part, node, shared, outer, f"{node.path}/", depth + 1)
                node.inner.append(made)

    def _take(self, name: str, at: str, mine: Taken, outer: Taken) -> None:
        """Note that `name` is used; `at` points to where it is written."""
        if not name:
            return
        if name in mine or name in outer:
            shadowed = name not in mine
            code = "step.id_shadowed" if shadowed else "step.id_duplicate"
            where = "a step around this one" if shadowed else "another step here"
            text = f"'{name}' is the id of {where}"
            free = _free(name, {*mine, *outer})
            fix = [{"op": "replace", "path": at, "value": free}]
            related = [(outer if shadowed else mine)[name]]
            self._found.error(code, at, text, suggestion=free, fix=fix, related=related)
        mine.setdefault(name, at.removesuffix("/id"))


def _ids_below(step: Json) -> Iterator[str]:
    for part in scopes(step, ""):
        for inner in objects(part.steps):
            if inner.get("id"):
                yield inner["id"]
            yield from _ids_below(inner)


def _made_id(step: dict[str, Json], index: int, taken: set[str]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", str(step.get("name", "")).lower())[:60].strip("_")
    return _free(slug if _SLUG.fullmatch(slug) else f"step_{index + 1}", taken)


def _free(name: str, taken: set[str]) -> str:
    made, number = name, 2
    while made in taken:
        made, number = f"{name[:58]}_{number}", number + 1
    return made
