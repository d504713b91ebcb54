"""Prompt templates: the part of Jinja2 that puts values into a text, bounded in time and size.

Written by whoever registers an agent, so it is treated as hostile. There are no calls but of a
few methods, no assignments, macros or includes: nothing grows but by going through the input. What
is left is counted: rounds of loops, time, and characters. Values are never rendered again.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn, cast

import msgspec
from jinja2 import StrictUndefined, TemplateError, nodes, pass_context
from jinja2.environment import Template
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError
from jinja2.filters import do_round
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

OUTPUT_MAX_CHARS: Final = 1_048_576
ROUNDS_MAX: Final = 20_000
TIME_MAX_S: Final = 0.1
LOOPS_MAX: Final = 3
NODES_MAX: Final = 5_000
WORK_MAX: Final = 100
"""Filters and calls in a template: each may copy the whole input."""
DEPTH_MAX: Final = 40
NUMBER_MAX: Final = 1 << 64
ROUND_MAX: Final = 100
ROOTS: Final = frozenset({"input", "capability", "agent", "loop"})
METHODS: Final = frozenset(
    {
        "capitalize", "count", "endswith", "find", "get", "index", "items", "keys", "lower",
        "lstrip", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper",
        "values",
    }
)  # fmt: skip
FILTERS: Final = frozenset(
    {
        "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items",
        "join", "last", "length", "list", "lower", "max", "min", "reverse", "round", "sort",
        "string", "title", "tojson", "trim", "truncate", "upper", "wordcount",
    }
)  # fmt: skip
TESTS: Final = frozenset(
    {
        "boolean", "defined", "divisibleby", "eq", "even", "false", "ge", "gt", "in", "integer",
        "float", "iterable", "le", "lt", "mapping", "ne", "none", "number", "odd", "sequence",
        "string", "true", "undefined",
    }
)  # fmt: skip
_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr,
    nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.For,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add,
    nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.List,
    nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Call, nodes.Keyword,
)  # fmt: skip


# What filters and comparisons raise when a value is not for them.
_FAILURES: Final = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError,
    RecursionError, MemoryError,
)  # fmt: skip


class BadPrompt(ValueError):
    """A template that cannot be used, or a value it needs is not there. The text says which."""


class _Limits:
    """What one rendering has left."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now, self.rounds = now, ROUNDS_MAX
        self.until = now() + TIME_MAX_S

    def round(self) -> None:
        """One round of a loop."""
        self.rounds -= 1
        if self.rounds < 0:
            raise SecurityError(f"loops run at most {ROUNDS_MAX} rounds")
        self.look()

    def look(self) -> None:
        """At the time."""
        if self.now() > self.until:
            raise SecurityError("it takes too long")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Attributes are members of objects first; arithmetic is for numbers."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A member of an object, a method of the few, or nothing."""
        if isinstance(obj, dict) and attribute in obj:
            return cast("dict[str, Any]", obj)[attribute]
        if type(cast("object", obj)).__module__.startswith("jinja2."):
            return super().getattr(obj, attribute)
        if attribute in METHODS and isinstance(obj, str | dict | list):
            method: Any = getattr(cast("object", obj), attribute, None)
            if method is not None:
                return method
        return self.undefined(obj=cast("object", obj), name=attribute)

    def call(self, context: Context, method: Any, *args: Any, **named: Any) -> Any:
        """One of the few methods, while there is time."""
        cast("_Limits", context["_limits"]).look()
        return super().call(context, method, *args, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 -- their signature
        """Numbers only, and no large ones: a text times a number is a bomb."""
        for side in (left, right):
            if not isinstance(side, int | float) or not -NUMBER_MAX < side < NUMBER_MAX:
                raise SecurityError(f"{operator} is for numbers; put texts together with ~")
        return self.binop_table[operator](left, right)


def render(text: str, scope: Mapping[str, object], now: Callable[[], float]) -> str:
    """The text with its values in place; `now` is a clock in seconds. Raises BadPrompt."""
    limits = _Limits(now)
    pieces: list[str] = []
    size = 0
    try:
        for piece in compiled(text).generate(scope, _limits=limits):
            size += len(piece)
            if size > OUTPUT_MAX_CHARS:
                raise SecurityError(f"it makes more than {OUTPUT_MAX_CHARS} characters")
            limits.look()
            pieces.append(piece)
    except BadPrompt:
        raise
    except UndefinedError as missing:
        raise BadPrompt(f"the prompt needs a value that is not there: {missing}") from missing
    except TemplateError as failed:
        raise BadPrompt(f"the prompt cannot be filled: {failed}") from failed
    except _FAILURES as failed:
        kind = type(failed).__name__
        raise BadPrompt(f"the prompt cannot be filled: {kind}: {str(failed)[:200]}") from failed
    return "".join(pieces)


@functools.lru_cache(maxsize=512)
def compiled(text: str) -> Template:
    """The template, checked. Raises BadPrompt."""
    try:
        tree = _ENVIRONMENT.parse(text)
        _check(tree)
        _Bounded().visit(tree)
        tree.set_environment(_ENVIRONMENT)
        return _ENVIRONMENT.from_string(tree)
    except TemplateSyntaxError as wrong:
        raise BadPrompt(f"line {wrong.lineno}: {wrong.message}") from wrong
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as wrong:
        raise BadPrompt("this is nested too deeply, or no template") from wrong


def _check(tree: nodes.Template) -> None:
    """Everything in the tree is on the list. Raises BadPrompt with the line."""
    seen = work = 0
    names = ROOTS | _targets(tree)
    level: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while level:
        node, depth, loops = level.pop()
        seen += 1
        loops += isinstance(node, nodes.For)
        work += isinstance(node, nodes.Filter | nodes.Call)
        if seen > NODES_MAX or work > WORK_MAX or depth > DEPTH_MAX or loops > LOOPS_MAX:
            _refuse(node, "this is too large, or nested too deeply")
        if not isinstance(node, _ALLOWED):
            _refuse(node, f"{type(node).__name__.lower()} is not for prompts")
        match node:
            case nodes.Name(ctx="load") if node.name not in names:
                known = ", ".join(sorted(ROOTS - {"loop"}))
                _refuse(node, f"'{node.name}' is unknown; there are {known}")
            case nodes.Filter() if node.name not in FILTERS:
                _refuse(node, f"the filter '{node.name}' is not for prompts")
            case nodes.Test() if node.name not in TESTS:
                _refuse(node, f"the test '{node.name}' is not for prompts")
            case nodes.Call() if not _is_method(node):
                _refuse(node, "only a few methods can be called; use filters")
            case nodes.For() if node.recursive:
                _refuse(node, "loops do not call themselves")
            case _:
                pass
        level += [(child, depth + 1, loops) for child in node.iter_child_nodes()]


def _targets(tree: nodes.Template) -> frozenset[str]:
    """Names that loops give to what they go through."""
    return frozenset(
        name.name
        for loop in tree.find_all(nodes.For)
        for name in (loop.target, *loop.target.find_all(nodes.Name))
        if isinstance(name, nodes.Name)
    )


def _is_method(node: nodes.Call) -> bool:
    plain = not node.dyn_args and not node.dyn_kwargs
    return plain and isinstance(node.node, nodes.Getattr) and node.node.attr in METHODS


class _Bounded(NodeTransformer):
    """Every loop counts its rounds, and texts are measured before they are put together."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 -- found by its name
        """`for x in y` becomes `for x in y|counted`."""
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 -- the same
        """`a ~ b` becomes `[a, b]|join`."""
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "join", [], [], None, None, lineno=node.lineno)


def _refuse(node: nodes.Node, why: str) -> NoReturn:
    raise BadPrompt(f"line {node.lineno or 1}: {why}")


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    limits = cast("_Limits", context["_limits"])
    for item in items:
        limits.round()
        yield item


def _tojson(value: object, indent: int = 0) -> str:
    text = msgspec.json.encode(value)
    return (msgspec.json.format(text, indent=min(indent, 8)) if indent > 0 else text).decode()


def _join(items: Iterable[Any], between: str = "") -> str:
    parts = [str(item) for item in items]
    if sum(map(len, parts)) + len(between) * len(parts) > OUTPUT_MAX_CHARS:
        raise SecurityError(f"it makes more than {OUTPUT_MAX_CHARS} characters")
    return between.join(parts)


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    """Theirs raises ten to the precision, however large."""
    if not -ROUND_MAX <= precision <= ROUND_MAX:
        raise SecurityError(f"round is for at most {ROUND_MAX} digits")
    return do_round(value, precision, cast("Any", method))


def _timed(does: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter; before it begins there must be time left. Each may take the whole input."""
    wants: Any = getattr(does, "jinja_pass_arg", None)

    @pass_context
    def timed(context: Context, *args: Any, **named: Any) -> Any:
        cast("_Limits", context["_limits"]).look()
        about: dict[str, Any] = {"context": context, "eval_context": context.eval_ctx}
        about["environment"] = context.environment
        return does(*((about[wants.name],) if wants else ()), *args, **named)

    return timed


def _environment() -> _Sandbox:
    made = _Sandbox(undefined=StrictUndefined, autoescape=False, optimized=False, cache_size=0)
    cast("dict[str, Any]", made.globals).clear()
    filters = cast("dict[str, Any]", made.filters)
    for name in made.filters.keys() - FILTERS:
        del filters[name]
    filters.update(tojson=_tojson, join=_join, round=_round)
    filters.update({name: _timed(does) for name, does in filters.items()}, counted=_counted)
    made.tests = {name: one for name, one in made.tests.items() if name in TESTS}
    return made


_ENVIRONMENT: Final = _environment()
