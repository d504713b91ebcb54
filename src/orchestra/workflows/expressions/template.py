"""Templates: JSON of a definition whose strings may hold `${ expression }`.

A template is compiled into a plan that walks only the places with an expression; everything else
is shared by all renderings.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from orchestra.workflows.expressions.budget import SOURCE_MAX, Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import Malformed, Mismatch, OverBudget, TooLarge
from orchestra.workflows.expressions.functions_json import json_text
from orchestra.workflows.expressions.inspection import Reference
from orchestra.workflows.expressions.lexer import tokens
from orchestra.workflows.expressions.program import Program
from orchestra.workflows.expressions.values import NOTHING, Scope, Value, text_of

Render: TypeAlias = Callable[[Scope, Budget], Value]
_OPENING: Final = re.compile(r"\$?\$\{")
_SECRET: Final = re.compile(r"\$\{secret:[A-Za-z0-9_.-]{1,64}\}")


class Template:
    """A JSON value of the definition whose strings may hold `${ expression }`.

    A string that is exactly one expression keeps the value's type; an absent optional leaves its
    key or item out. Other strings are text: null and absent are errors there, lists and maps
    become compact JSON. `$${` is a literal `${`; `${secret:name}` stays as it is.

    Rendered values are immutable by agreement: parts without an expression, and values that are
    passed on from the scope, are the same objects in every rendering.
    """

    __slots__ = ("_programs", "_render", "_value")

    def __init__(self, value: Value) -> None:
        self._programs: list[Program] = []
        try:
            self._value, self._render = _planned(value, self._programs)
        except RecursionError:
            raise TooLarge("the template nests too deeply") from None

    @property
    def constant(self) -> bool:
        """Whether there is no expression in it: `render` then returns one and the same value."""
        return self._render is None

    def render(self, scope: Scope, budget: Budget | None = None) -> Value:
        """Every expression evaluated, one budget for all of them. NOTHING when it is absent."""
        if self._render is None:
            return self._value
        try:
            return self._render(scope, Budget() if budget is None else budget)
        except RecursionError:
            raise OverBudget("the value nests too deeply") from None

    def programs(self) -> Iterator[Program]:
        """Its expressions, in the order of the document."""
        return iter(self._programs)

    def references(self) -> list[Reference]:
        """Every path read from the scope, in the order of the document, repeats included."""
        return [reference for program in self._programs for reference in program.references()]


def template_parts(text: str) -> list[str | Program]:
    """Literal text and programs in order. The lexer finds where an expression ends.

    Positions of errors, and the programs' offsets, count in `text`.
    """
    parts: list[str | Program] = []
    literal: list[str] = []
    at = 0
    while opening := _OPENING.search(text, at):
        dollar = opening.start()
        literal.append(text[at:dollar])
        if opening.group() == "$${":
            literal.append("${")
            at = dollar + 3
        elif found := _SECRET.match(text, dollar):  # kept: resolved later, and only at this place
            literal.append(found.group())
            at = found.end()
        else:
            end = _closing_brace(text, dollar + 2)
            if before := "".join(literal):
                parts.append(before)
            parts.append(Program(text[dollar + 2 : end], dollar + 2))
            literal, at = [], end + 1
    rest = "".join([*literal, text[at:]])
    return [*parts, rest] if rest or not parts else parts


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for token in tokens(text, start):
        if token.kind == "end" or token.position - start > SOURCE_MAX:
            break
        if token.kind == "symbol" and token.text == "{":
            depth += 1
        elif token.kind == "symbol" and token.text == "}":
            if depth == 0:
                return token.position
            depth -= 1
    raise Malformed("'${' has no closing '}'", start - 2, 2)


def _planned(value: Value, programs: list[Program]) -> tuple[Value, Render | None]:
    """The value when it is constant; else a value with holes, and what renders it."""
    what = type_of(value)
    if what is str:
        return _planned_text(value, programs) if "$" in value else (value, None)
    if what is dict:
        return _planned_map(value, programs)
    if what is list:
        return _planned_list(value, programs)
    return value, None


def _planned_text(text: str, programs: list[Program]) -> tuple[Value, Render | None]:
    parts = template_parts(text)
    found = [part for part in parts if isinstance(part, Program)]
    programs.extend(found)
    if not found:
        return parts[0], None
    if len(parts) == 1:
        return None, found[0].json

    def render(scope: Scope, budget: Budget) -> str:
        return "".join(
            [part if type(part) is str else _text(part, scope, budget) for part in parts]
        )

    return None, render


def _text(part: str | Program, scope: Scope, budget: Budget) -> str:
    assert isinstance(part, Program)
    value = part.json(scope, budget)
    what = type_of(value)
    if value is None or value is NOTHING:
        raise Mismatch(f"${{{part.source}}} is empty inside text; add .orValue('')")
    if what is list or what is dict:
        return json_text(value, budget)
    text = text_of(value)
    budget.build(len(text))
    return text


def _planned_map(value: Value, programs: list[Program]) -> tuple[Value, Render | None]:
    constants: dict[str, Value] = {}
    holes: list[tuple[str, Render]] = []
    for key, item in value.items():
        constants[key], render = _planned(item, programs)
        if render is not None:
            holes.append((key, render))
    if not holes:
        return constants, None

    def render_map(scope: Scope, budget: Budget) -> dict[str, Value]:
        out = constants.copy()
        for key, render in holes:
            item = render(scope, budget)
            if item is NOTHING:
                del out[key]
            else:
                out[key] = item
        return out

    return None, render_map


def _planned_list(value: Value, programs: list[Program]) -> tuple[Value, Render | None]:
    constants: list[Value] = []
    holes: list[tuple[int, Render]] = []
    for place, given in enumerate(value):
        item, render = _planned(given, programs)
        constants.append(item)
        if render is not None:
            holes.append((place, render))
    if not holes:
        return constants, None

    def render_list(scope: Scope, budget: Budget) -> list[Value]:
        out = constants.copy()
        for place, render in holes:
            out[place] = render(scope, budget)
        return [item for item in out if item is not NOTHING]

    return None, render_list
