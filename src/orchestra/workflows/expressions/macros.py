"""Macros: `all exists exists_one map filter transformList transformMap optMap optFlatMap`.

Every round costs the whole body in steps, whatever of it is evaluated.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import ExpressionFailed, OverBudget
from orchestra.workflows.expressions.syntax import Macro, measure
from orchestra.workflows.expressions.values import Closure, Maybe, Scope, Value, mismatch, want

Rounds: TypeAlias = Iterator[tuple[Value, Value, Scope]]
Bodies: TypeAlias = Sequence[Closure]
_ABSORBED_STEPS: Final = 2  # for a failure that `all` or `exists` goes on after
_ITEM_BYTES: Final = 8


def compile_macro(node: Macro, target: Closure, bodies: Bodies) -> Closure:
    if node.name in ("optMap", "optFlatMap"):
        return _optional_map(node, target, bodies[0])
    loop = _LOOPS[node.name]
    name = node.name
    cost = 1 + sum(measure(body)[0] for body in node.body)

    def run(scope: Scope, budget: Budget) -> Value:
        rounds = _rounds(node, target(scope, budget), scope, budget, cost)
        return loop(name, rounds, bodies, budget)

    return run


def _rounds(node: Macro, value: Value, scope: Scope, budget: Budget, cost: int) -> Rounds:
    """Key, item and scope of each round; one variable gets a list's item or a map's key."""
    what = type_of(value)
    if what is not list and what is not dict:
        raise mismatch(node.name, value)
    inner = dict(scope)
    first, last = node.variables[0], node.variables[-1]
    if len(node.variables) == 2:
        for key, item in value.items() if what is dict else enumerate(value):
            budget.spend(cost)
            inner[first], inner[last] = key, item
            yield key, item, inner
    else:
        for place, item in enumerate(value):
            budget.spend(cost)
            inner[first] = item
            yield place, item, inner


def _quantify(name: str, rounds: Rounds, bodies: Bodies, budget: Budget) -> bool:
    """`all` and `exists`: one decisive round settles it, even when another one fails."""
    decisive, failure = name == "exists", None
    body = bodies[0]
    for _, _, scope in rounds:
        try:
            if want(bool, body(scope, budget), name) is decisive:
                return decisive
        except OverBudget:
            raise
        except ExpressionFailed as error:
            budget.spend(_ABSORBED_STEPS)
            failure = error
    if failure is not None:
        raise failure
    return not decisive


def _exists_one(name: str, rounds: Rounds, bodies: Bodies, budget: Budget) -> bool:
    return sum(want(bool, bodies[0](scope, budget), name) for _, _, scope in rounds) == 1


def _filter(name: str, rounds: Rounds, bodies: Bodies, budget: Budget) -> list[Value]:
    body = bodies[0]
    out = [item for _, item, scope in rounds if want(bool, body(scope, budget), name)]
    budget.build(_ITEM_BYTES * len(out))
    return out


def _transform_list(name: str, rounds: Rounds, bodies: Bodies, budget: Budget) -> list[Value]:
    out: list[Value] = []
    for _, _, scope in rounds:
        if len(bodies) == 1 or want(bool, bodies[0](scope, budget), name):
            out.append(_charged(bodies[-1](scope, budget), budget))
    return out


def _transform_map(name: str, rounds: Rounds, bodies: Bodies, budget: Budget) -> dict[Value, Value]:
    out: dict[Value, Value] = {}
    for key, _, scope in rounds:
        if len(bodies) == 1 or want(bool, bodies[0](scope, budget), name):
            out[key] = _charged(bodies[-1](scope, budget), budget)
            budget.build(len(key) if type(key) is str else 0)
    return out


def _charged(value: Value, budget: Budget) -> Value:
    """`value`, charged as written out: a map may repeat one large part of the scope."""
    what = type_of(value)
    if what is list or what is dict:
        return budget.build_all(value)
    budget.build(_ITEM_BYTES + (len(value) if what is str else 0))
    return value


_LOOPS: Final[Mapping[str, Callable[[str, Rounds, Bodies, Budget], Value]]] = {
    "all": _quantify,
    "exists": _quantify,
    "exists_one": _exists_one,
    "existsOne": _exists_one,
    "map": _transform_list,
    "transformList": _transform_list,
    "filter": _filter,
    "transformMap": _transform_map,
}


def _optional_map(node: Macro, target: Closure, body: Closure) -> Closure:
    name, variable = node.name, node.variables[0]

    def run(scope: Scope, budget: Budget) -> Maybe:
        optional = want(Maybe, target(scope, budget), name)
        if not optional.present:
            return optional
        value = body({**scope, variable: optional.value}, budget)
        return want(Maybe, value, name) if name == "optFlatMap" else Maybe(True, value)

    return run
