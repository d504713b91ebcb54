"""Syntax tree to closures, one per node; paths and comparisons, the most frequent, by shortcuts."""

from orchestra.workflows.expressions.access import (
    has_field,
    index,
    index_optional,
    select,
    select_optional,
)
from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import ExpressionFailed, Missing, OverBudget
from orchestra.workflows.expressions.functions import FUNCTIONS
from orchestra.workflows.expressions.macros import compile_macro
from orchestra.workflows.expressions.operators import (
    ORDER,
    add,
    arithmetic,
    compare,
    contains,
    equal,
    negative,
)
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
)
from orchestra.workflows.expressions.values import (
    KINDS,
    Closure,
    Maybe,
    Scope,
    Value,
    mismatch,
    want,
)


def compile_node(node: Node) -> Closure:
    match node:
        case Literal(value):
            return lambda _scope, _budget: value
        case Name(name):
            return _name(name)
        case Select():
            return _path(node) or _select(node)
        case Index():
            return _index(node)
        case Call():
            return _call(node)
        case Macro():
            bodies = [compile_node(body) for body in node.body]
            return compile_macro(node, compile_node(node.target), bodies)
        case MakeList():
            return _list(node)
        case MakeMap():
            return _map(node)
        case Operation():
            return _operation(node)


def _name(name: str) -> Closure:
    def get(scope: Scope, _budget: Budget) -> Value:
        try:
            return scope[name]
        except KeyError:
            if name in KINDS:
                return KINDS[name]
            known = sorted(scope)[:12]
            raise Missing(
                f"unknown name {name!r}", lambda: f", there is {', '.join(known)}"
            ) from None

    return get


def _path(node: Select) -> Closure | None:
    """`steps.a.output.text` in one loop. What is unusual about it, the careful way finds out."""
    fields: list[str] = []
    at: Node = node
    while isinstance(at, Select) and not at.optional and not at.tested:
        fields.insert(0, at.field)
        at = at.operand
    if not isinstance(at, Name):
        return None
    name, careful = at.name, _select(node)

    def get(scope: Scope, budget: Budget) -> Value:
        try:
            value = scope[name]
            for field in fields:
                value = value[field]
        except (KeyError, TypeError):  # absent, an optional, or no map at all
            return careful(scope, budget)
        return value

    return get


def _select(node: Select) -> Closure:
    operand, field = compile_node(node.operand), node.field
    if node.tested:
        return lambda scope, budget: has_field(operand(scope, budget), field)
    if node.optional:
        return lambda scope, budget: select_optional(operand(scope, budget), field)
    return lambda scope, budget: select(operand(scope, budget), field)


def _index(node: Index) -> Closure:
    operand, key = compile_node(node.operand), compile_node(node.index)
    get = index_optional if node.optional else index
    return lambda scope, budget: get(operand(scope, budget), key(scope, budget), budget)


def _call(node: Call) -> Closure:
    run = FUNCTIONS[node.function].run
    arguments = [compile_node(argument) for argument in node.arguments]
    match arguments:
        case [only]:
            return lambda scope, budget: run(budget, only(scope, budget))
        case [one, two]:
            return lambda scope, budget: run(budget, one(scope, budget), two(scope, budget))
        case _:
            return lambda scope, budget: run(budget, *[a(scope, budget) for a in arguments])


def _list(node: MakeList) -> Closure:
    items, optional = [compile_node(item) for item in node.items], node.optional
    if not optional:
        return lambda scope, budget: budget.build_all([item(scope, budget) for item in items])

    def make(scope: Scope, budget: Budget) -> Value:
        out: list[Value] = []
        for at, item in enumerate(items):
            value = item(scope, budget)
            if at not in optional:
                out.append(value)
            elif want(Maybe, value, "[?]").present:
                out.append(value.value)
        return budget.build_all(out)

    return make


def _map(node: MakeMap) -> Closure:
    pairs = zip(node.keys, node.values, strict=True)
    entries = [(compile_node(key), compile_node(value)) for key, value in pairs]
    optional = node.optional

    def make(scope: Scope, budget: Budget) -> Value:
        out: dict[Value, Value] = {}
        for at, (key_of, value_of) in enumerate(entries):
            key, value = key_of(scope, budget), value_of(scope, budget)
            if type(key) not in (str, int, bool):
                raise mismatch("a map key", key)
            if key in out:
                raise ExpressionFailed(f"the key {str(key)[:80]!r} is there twice")
            if at not in optional:
                out[key] = value
            elif want(Maybe, value, "{?}").present:
                out[key] = value.value
        return budget.build_all(out)

    return make


def _operation(node: Operation) -> Closure:
    sign, operands = node.operator, [compile_node(operand) for operand in node.operands]
    match sign, operands:
        case "?:", [test, yes, no]:
            return _choice(test, yes, no)
        case "!", [only]:
            return lambda scope, budget: not want(bool, only(scope, budget), "!")
        case "-", [only]:
            return lambda scope, budget: negative(only(scope, budget))
        case (("&&" | "||"), [left, right]):
            return _logic(left, right, decisive=sign == "||")
        case _:
            return _binary(sign, *operands)


def _binary(sign: str, left: Closure, right: Closure) -> Closure:
    match sign:
        case "==":
            return lambda scope, budget: equal(left(scope, budget), right(scope, budget), budget)
        case "!=":
            return lambda scope, budget: (
                not equal(left(scope, budget), right(scope, budget), budget)
            )
        case "in":
            return lambda scope, budget: contains(left(scope, budget), right(scope, budget), budget)
        case "+":
            return lambda scope, budget: add(left(scope, budget), right(scope, budget), budget)
        case "<" | "<=" | ">" | ">=":
            return _comparison(sign, left, right)
        case _:
            return lambda scope, budget: arithmetic(sign, left(scope, budget), right(scope, budget))


def _comparison(sign: str, left: Closure, right: Closure) -> Closure:
    ordered = ORDER[sign]

    def run(scope: Scope, budget: Budget) -> bool:
        a, b = left(scope, budget), right(scope, budget)
        what, other = type_of(a), type_of(b)
        if (what is int or what is float) and (other is int or other is float):
            return ordered(a, b)
        return compare(sign, a, b, budget)

    return run


def _choice(test: Closure, yes: Closure, no: Closure) -> Closure:
    def choose(scope: Scope, budget: Budget) -> Value:
        return yes(scope, budget) if want(bool, test(scope, budget), "?:") else no(scope, budget)

    return choose


def _logic(left: Closure, right: Closure, *, decisive: bool) -> Closure:
    """`decisive` settles the outcome even when the other side fails: CEL's logic commutes."""

    def decide(scope: Scope, budget: Budget) -> bool:
        failure: ExpressionFailed | None = None
        try:
            first = left(scope, budget)
        except OverBudget:
            raise
        except ExpressionFailed as error:
            first, failure = None, error
        if first is decisive:
            return decisive
        second = right(scope, budget)
        if second is decisive:
            return decisive
        if failure is not None:
            raise failure
        if type(first) is bool and type(second) is bool:
            return not decisive
        raise mismatch("||" if decisive else "&&", first, second)

    return decide
