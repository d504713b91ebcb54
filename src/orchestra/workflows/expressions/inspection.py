"""What can be said about an expression without evaluating it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from orchestra.workflows.expressions.syntax import (
    Call,
    Index,
    Literal,
    Macro,
    MakeList,
    MakeMap,
    Name,
    Node,
    Operation,
    Select,
    children,
)
from orchestra.workflows.expressions.values import KINDS


@dataclass(frozen=True, slots=True)
class Reference:
    """A path an expression reads. `strict`: it fails when that is missing (no `.?`, no `has()`).

    `position` is where the path begins in the string that was compiled; equality ignores it.
    """

    path: tuple[str, ...]
    strict: bool
    position: int = field(default=0, compare=False)


def references(node: Node, bound: frozenset[str] = frozenset()) -> Iterator[Reference]:
    """Every path read from the scope, in source order; `bound` are variables of macros."""
    path: list[str] = []
    strict, at = True, node
    while (name := _constant_field(at)) is not None:
        assert isinstance(at, Select | Index)
        path.insert(0, name)
        strict = strict and not at.optional and not (isinstance(at, Select) and at.tested)
        at = at.operand
    if isinstance(at, Name):
        if at.name not in bound and at.name not in KINDS:
            yield Reference((at.name, *path), strict, at.position)
        return
    if isinstance(at, Macro):
        yield from references(at.target, bound)
        for body in at.body:
            yield from references(body, bound | set(at.variables))
        return
    for child in children(at):
        yield from references(child, bound)


def _constant_field(node: Node) -> str | None:
    if isinstance(node, Select):
        return node.field
    if isinstance(node, Index) and isinstance(node.index, Literal):
        return node.index.value if type(node.index.value) is str else None
    return None


_MAYBE_BOOLEAN: Final = frozenset(
    ("bool", "matches", ".matches", ".contains", ".startsWith", ".endsWith", ".hasValue")
).union(
    ("math.isNaN", "math.isInf", "math.isFinite", "dyn", "json.decode"),
    (".orValue", ".value"),
)
_BOOLEAN_MACROS: Final = frozenset(("all", "exists", "exists_one", "existsOne"))


def surely_not_bool(node: Node) -> bool:
    """True when no input can make this a condition."""
    match node:
        case Literal(value):
            return type(value) is not bool
        case MakeList() | MakeMap():
            return True
        case Macro(name):
            return name not in _BOOLEAN_MACROS
        case Call(name):
            return name not in _MAYBE_BOOLEAN
        case Operation("?:", (_, yes, no)):
            return surely_not_bool(yes) and surely_not_bool(no)
        case Operation(operator, _):
            return operator in ("+", "-", "*", "/", "%")
        case _:
            return False


_BOOLEAN_OPERATORS: Final = frozenset(("==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "!"))
_PASSING_METHODS: Final = frozenset((".orValue", ".or", ".value", ".first", ".last"))


def only_passes_on(node: Node) -> bool:
    """True when the value is always a part of the scope, a constant, or a boolean.

    Such a value is JSON already, so it needs neither a check nor a charge: `${input.document}` of
    any size costs what `${input.name}` costs.
    """
    match node:
        case Literal(value):
            return type(value) is not float or math.isfinite(value)
        case Name(name):
            return name not in KINDS
        case Select(operand, _, _, tested):
            return tested or only_passes_on(operand)
        case Index(operand):
            return only_passes_on(operand)
        case Call(name, arguments):
            return name in _PASSING_METHODS and all(map(only_passes_on, arguments))
        case Operation("?:", (_, yes, no)):
            return only_passes_on(yes) and only_passes_on(no)
        case Operation(operator, _):
            return operator in _BOOLEAN_OPERATORS
        case _:
            return False
