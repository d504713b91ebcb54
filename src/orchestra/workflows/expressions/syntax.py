"""The syntax tree: nine kinds of node, and how to walk them."""

from typing import TypeAlias

import msgspec

from orchestra.workflows.expressions.values import Value


class Literal(msgspec.Struct, frozen=True):
    """A constant; also a compiled pattern, as the second argument of `matches`."""

    value: Value


class Name(msgspec.Struct, frozen=True):
    """A variable of the scope or of a macro. `position` is where the source names it."""

    name: str
    position: int = 0


class Select(msgspec.Struct, frozen=True):
    """`operand.field`, `operand.?field`, or `has(operand.field)` when `tested`."""

    operand: "Node"
    field: str
    optional: bool = False
    tested: bool = False


class Index(msgspec.Struct, frozen=True):
    """`operand[index]` or `operand[?index]`."""

    operand: "Node"
    index: "Node"
    optional: bool = False


class Call(msgspec.Struct, frozen=True):
    """A method has its target as first argument and a name that starts with a dot."""

    function: str
    arguments: tuple["Node", ...]


class Macro(msgspec.Struct, frozen=True):
    """A loop with its own variables: `target.map(x, body)`."""

    name: str
    target: "Node"
    variables: tuple[str, ...]
    body: tuple["Node", ...]


class MakeList(msgspec.Struct, frozen=True):
    """`[a, ?b]`; `optional` holds the places with a `?`."""

    items: tuple["Node", ...]
    optional: frozenset[int]


class MakeMap(msgspec.Struct, frozen=True):
    """`{k: a, ?l: b}`; `optional` holds the places with a `?`."""

    keys: tuple["Node", ...]
    values: tuple["Node", ...]
    optional: frozenset[int]


class Operation(msgspec.Struct, frozen=True):
    """Operators and `?:`. Unary `!` and `-` have one operand."""

    operator: str
    operands: tuple["Node", ...]


Node: TypeAlias = Literal | Name | Select | Index | Call | Macro | MakeList | MakeMap | Operation


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Literal() | Name():
            return ()
        case Select():
            return (node.operand,)
        case Index():
            return (node.operand, node.index)
        case Call():
            return node.arguments
        case Macro():
            return (node.target, *node.body)
        case MakeList():
            return node.items
        case MakeMap():
            return (*node.keys, *node.values)
        case Operation():
            return node.operands


def measure(root: Node) -> tuple[int, int]:
    """Nodes in the tree and its height, without recursion: it may be too high for that."""
    nodes, height = 0, 0
    pending: list[tuple[Node, int]] = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        nodes += 1
        height = max(height, depth)
        pending.extend((child, depth + 1) for child in children(node))
    return nodes, height
