"""Conditions over an event, in the language of the workflows: what the bus asks of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from orchestra.errors import Problem
from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.failures import ExpressionFailed, Malformed
from orchestra.workflows.expressions.program import Program

ROOT: Final = "event"
KNOWN: Final = (
    "id", "type", "source", "subject", "origin", "time", "correlation", "causation", "data",
)  # fmt: skip
STEPS: Final = 5_000
BUILT_BYTES: Final = 65_536
"""Of one evaluation: there is one for each event and filter."""


class EventFilters:
    """`orchestra.bus.Filters`."""

    def check(self, text: str) -> list[Problem]:
        """See `Filters.check`."""
        try:
            program = Program(text)
        except Malformed as error:
            told = f"{error}, at character {error.position + 1}"
            return [Problem("", error.code, told, error.suggestion)]
        found: list[Problem] = []
        for reference in program.references():
            at = f"at character {reference.position + 1}"
            if reference.path[0] != ROOT:
                told = f"there is only `event` here, no {reference.path[0]!r}, {at}"
                found.append(Problem("", "expression.unknown_name", told, ROOT))
            elif len(reference.path) > 1 and reference.path[1] not in KNOWN:
                told = f"an event has {', '.join(KNOWN)}; no {reference.path[1]!r}, {at}"
                found.append(Problem("", "expression.unknown_name", told))
        if program.surely_not_bool():
            found.append(Problem("", "expression.type", "must be a condition: true or false"))
        return found

    def compile(self, text: str) -> Callable[[Mapping[str, object]], bool]:
        """See `Filters.compile`. Raises Malformed for what `check` refuses."""
        program = Program(text)

        def matches(event: Mapping[str, object]) -> bool:
            scope = cast("dict[str, Any]", {ROOT: event})
            try:
                return program.test(scope, Budget(STEPS, BUILT_BYTES))
            except ExpressionFailed:
                return False

        return matches
