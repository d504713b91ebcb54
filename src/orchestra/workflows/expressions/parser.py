"""Tokens to a syntax tree: precedence climbing, and a loop for every chain.

Only brackets and arguments cost recursion, and those are limited.
"""

from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.budget import HEIGHT_MAX, NESTING_MAX
from orchestra.workflows.expressions.cursor import Cursor, unexpected
from orchestra.workflows.expressions.failures import Malformed, TooLarge
from orchestra.workflows.expressions.functions import (
    FUNCTIONS,
    MACROS,
    NAMESPACES,
    unknown_function,
)
from orchestra.workflows.expressions.lexer import Token, number_value, string_value
from orchestra.workflows.expressions.patterns import Pattern
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
    measure,
)
from orchestra.workflows.expressions.values import Value

_PRECEDENCE: Final[Mapping[str, int]] = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_CONSTANTS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(
    ("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let")
).union(("loop", "package", "namespace", "return", "var", "void", "while"))


def parse(source: str, offset: int = 0) -> Node:
    """The tree of `source`, which begins at `offset` of a larger text. Raises Malformed."""
    cursor = Cursor(source, offset)
    try:
        node = _expression(cursor)
    except RecursionError:
        raise TooLarge("the expression nests too deeply", offset, len(source)) from None
    if cursor.next.kind != "end":
        raise unexpected(cursor.next)
    height = measure(node)[1]
    if height > HEIGHT_MAX:
        raise TooLarge(
            f"the expression is {height} levels high, at most {HEIGHT_MAX}", offset, len(source)
        )
    return node


def _expression(at: Cursor) -> Node:
    at.enter()
    node = _binary(at, 1)
    if at.take("?"):
        yes = _binary(at, 1)
        at.expect(":")
        node = at.made(Operation("?:", (node, yes, _expression(at))))
    at.leave()
    return node


def _binary(at: Cursor, weakest: int) -> Node:
    left = _unary(at)
    while (strength := _strength(at.next)) >= weakest:
        operator = at.step().text
        left = at.made(Operation(operator, (left, _binary(at, strength + 1))))
    return left


def _strength(token: Token) -> int:
    return _PRECEDENCE.get(token.text, 0) if token.kind in ("symbol", "name") else 0


def _unary(at: Cursor) -> Node:
    signs = ""
    while at.next.kind == "symbol" and at.next.text in ("!", "-"):
        if len(signs) == NESTING_MAX or (signs and at.next.text != signs[0]):
            raise Malformed("write '!' and '-' apart", at.next.position)
        signs += at.step().text
    if signs.startswith("-") and at.next.kind == "number":
        number = at.step()
        literal = at.made(Literal(number_value(number._replace(text="-" + number.text))))
        node, signs = _postfix(at, literal), signs[1:]
    else:
        node = _postfix(at, _primary(at))
    for sign in signs:
        node = at.made(Operation(sign, (node,)))
    return node


def _postfix(at: Cursor, node: Node) -> Node:
    while at.next.kind == "symbol":
        opening = at.next
        if opening.text in ("[", "[?"):
            at.step()
            key = _expression(at)
            at.expect("]")
            node = at.made(Index(node, key, opening.text == "[?"))
        elif opening.text in (".", ".?"):
            at.step()
            node = _member(at, node, optional=opening.text == ".?")
        elif opening.text == "{":
            raise Malformed("messages are not part of this profile", opening.position)
        else:
            break
    return node


def _member(at: Cursor, node: Node, *, optional: bool) -> Node:
    name = at.next
    if name.kind not in ("name", "quoted"):
        raise Malformed("expected a field name", name.position, max(1, len(name.text)))
    at.step()
    if name.kind == "name" and not optional and at.take("("):
        return _method(at, node, name)
    return at.made(Select(node, name.text.strip("`"), optional))


def _method(at: Cursor, target: Node, name: Token) -> Node:
    if isinstance(target, Name) and target.name in NAMESPACES:
        full = f"{target.name}.{name.text}"
        if full in FUNCTIONS or not (f".{name.text}" in FUNCTIONS or name.text in MACROS):
            return _call(at, full, _arguments(at), target.position)
    if name.text in MACROS and at.next.kind == "name" and at.after_next.text == ",":
        return _macro(at, target, name)
    return _call(at, "." + name.text, (target, *_arguments(at)), name.position)


def _macro(at: Cursor, target: Node, name: Token) -> Node:
    arguments = _arguments(at)
    names = tuple(argument.name for argument in arguments if isinstance(argument, Name))
    for variables, bodies in sorted(MACROS[name.text], reverse=True):
        named = all(isinstance(argument, Name) for argument in arguments[:variables])
        if len(arguments) == variables + bodies and named:
            return at.made(Macro(name.text, target, names[:variables], arguments[variables:]))
    raise Malformed(f"{name.text}() does not take these arguments", name.position, len(name.text))


def _arguments(at: Cursor) -> tuple[Node, ...]:
    found: list[Node] = []
    while not at.take(")"):
        if found:
            at.expect(",")
        found.append(_expression(at))
    return tuple(found)


def _call(at: Cursor, name: str, arguments: tuple[Node, ...], position: int) -> Node:
    known = FUNCTIONS.get(name)
    if known is None:
        raise unknown_function(name, position)
    if not known.least <= len(arguments) <= known.most:
        shown = name.lstrip(".")
        raise Malformed(
            f"{shown}() takes {known.least} to {known.most} values, target included",
            position,
            len(shown),
        )
    if name in ("matches", ".matches"):
        arguments = (arguments[0], _compiled_pattern(arguments[1], position))
    return at.made(Call(name, arguments))


def _compiled_pattern(argument: Node, position: int) -> Node:
    """A constant pattern is compiled once, and a bad one found at save."""
    if isinstance(argument, Literal) and type(argument.value) is str:
        return Literal(Pattern(argument.value, position))
    return argument


def _primary(at: Cursor) -> Node:
    token = at.step()
    match token.kind, token.text:
        case "number", _:
            return at.made(Literal(number_value(token)))
        case "string", _:
            return at.made(Literal(string_value(token)))
        case "name", _:
            return _name(at, token)
        case "symbol", "(":
            node = _expression(at)
            at.expect(")")
            return node
        case "symbol", ("[" | "[?"):
            return _list(at, first_optional=token.text == "[?")
        case "symbol", "{":
            return _map(at)
        case "symbol", "." if at.next.kind == "name":
            return _name(at, at.step())
        case _:
            raise unexpected(token)


def _name(at: Cursor, token: Token) -> Node:
    if token.text in _CONSTANTS:
        return at.made(Literal(_CONSTANTS[token.text]))
    if token.text in _RESERVED:
        raise Malformed(f"{token.text!r} is a reserved word", token.position, len(token.text))
    if not at.take("("):
        return at.made(Name(token.text, token.position))
    if token.text != "has":
        return _call(at, token.text, _arguments(at), token.position)
    target = _expression(at)
    at.expect(")")
    if not isinstance(target, Select):
        raise Malformed("has() takes a field, as in has(input.text)", token.position, 3)
    return Select(target.operand, target.field, target.optional, tested=True)


def _list(at: Cursor, *, first_optional: bool) -> Node:
    items: list[Node] = []
    optional: set[int] = set()
    if first_optional:
        optional.add(0)
        items.append(_expression(at))
    while not at.take("]"):
        if items:
            at.expect(",")
            if at.take("]"):
                break
        if at.take("?"):
            optional.add(len(items))
        items.append(_expression(at))
    return at.made(MakeList(tuple(items), frozenset(optional)))


def _map(at: Cursor) -> Node:
    keys: list[Node] = []
    values: list[Node] = []
    optional: set[int] = set()
    while not at.take("}"):
        if keys:
            at.expect(",")
            if at.take("}"):
                break
        if at.take("?"):
            optional.add(len(keys))
        keys.append(_expression(at))
        at.expect(":")
        values.append(_expression(at))
    return at.made(MakeMap(tuple(keys), tuple(values), frozenset(optional)))
