"""Every function and method of the profile, and what to say about one that is not in it."""

import inspect
from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.access import nearest
from orchestra.workflows.expressions.failures import UnknownFunction
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.functions_format import FORMAT
from orchestra.workflows.expressions.functions_json import JSON
from orchestra.workflows.expressions.functions_list import LISTS
from orchestra.workflows.expressions.functions_math import MATH
from orchestra.workflows.expressions.functions_optional import OPTIONALS
from orchestra.workflows.expressions.functions_text import TEXT
from orchestra.workflows.expressions.functions_types import TYPES

FUNCTIONS: Final[Mapping[str, Function]] = {
    **TYPES,
    **TEXT,
    **FORMAT,
    **MATH,
    **LISTS,
    **JSON,
    **OPTIONALS,
}
MACROS: Final[Mapping[str, frozenset[tuple[int, int]]]] = {  # (variables, bodies)
    "all": frozenset({(1, 1), (2, 1)}),
    "exists": frozenset({(1, 1), (2, 1)}),
    "exists_one": frozenset({(1, 1), (2, 1)}),
    "existsOne": frozenset({(1, 1), (2, 1)}),
    "map": frozenset({(1, 1), (1, 2)}),
    "filter": frozenset({(1, 1)}),
    "transformList": frozenset({(2, 1), (2, 2)}),
    "transformMap": frozenset({(2, 1), (2, 2)}),
    "optMap": frozenset({(1, 1)}),
    "optFlatMap": frozenset({(1, 1)}),
}
NAMESPACES: Final = frozenset(name.partition(".")[0] for name in FUNCTIONS if "." in name[1:])


def signatures() -> list[dict[str, str]]:
    """Every function and macro with what it takes; methods begin with a dot."""
    made = [{"name": name, "signature": _taken(name, one)} for name, one in FUNCTIONS.items()]
    for name, forms in MACROS.items():
        variables, bodies = min(forms)
        words = [*("key", "item")[-variables:], *("expression", "expression")[:bodies]]
        made.append({"name": f".{name}", "signature": f"list.{name}({', '.join(words)})"})
    return sorted(made, key=lambda one: one["name"])


def _taken(name: str, function: Function) -> str:
    """`text.split(separator, limit?)`, as the parameters of the function are called."""
    parameters = list(inspect.signature(function.run).parameters.values())[1:]
    words = [
        f"{one.name}…" if one.kind is one.VAR_POSITIONAL
        else one.name if one.default is one.empty else f"{one.name}?"
        for one in parameters
    ]  # fmt: skip
    if name.startswith("."):
        return f"{words[0].rstrip('…')}{name}({', '.join(words[1:])})"
    return f"{name}({', '.join(words)})"


def unknown_function(name: str, position: int) -> UnknownFunction:
    """The error for `name`, which has a dot first when it was called as a method."""
    shown = name.lstrip(".")
    if shown in MACROS:
        message = f"{shown}() takes a variable and an expression, as in list.{shown}(x, …)"
        return UnknownFunction(message, position, len(shown))
    if name.startswith(".") and shown in FUNCTIONS:
        message = f"{shown!r} is no method: write {shown}(…)"
        return UnknownFunction(message, position, len(shown))
    if "." + shown in FUNCTIONS:
        message = f"{shown!r} is a method: write value.{shown}(…)"
        return UnknownFunction(message, position, len(shown))
    space = shown.partition(".")[0] + "."
    family = sorted(known for known in FUNCTIONS if known.startswith(space))
    close = nearest(shown, family or [known.lstrip(".") for known in (*FUNCTIONS, *MACROS, "has")])
    hint = f", there is {', '.join(family)}" if family else ""
    hint = f", did you mean {close!r}?" if close else hint
    return UnknownFunction(f"unknown function {shown[:80]!r}{hint}", position, len(shown), close)
