"""A compiled expression."""

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.compiler import compile_node
from orchestra.workflows.expressions.failures import ExpressionFailed, OverBudget, TooLarge
from orchestra.workflows.expressions.inspection import (
    Reference,
    only_passes_on,
    references,
    surely_not_bool,
)
from orchestra.workflows.expressions.parser import parse
from orchestra.workflows.expressions.syntax import measure
from orchestra.workflows.expressions.values import NOTHING, Maybe, Scope, Value, plain, want


class Program:
    """A compiled expression. Immutable: compile once for each version of a definition.

    `offset` is where `source` begins in the string it was taken from, so that the positions of
    errors and references count from there. Raises Malformed.
    """

    __slots__ = ("_passes_on", "_run", "nodes", "offset", "source", "tree")

    def __init__(self, source: str, offset: int = 0) -> None:
        self.source = source
        self.offset = offset
        self.tree = parse(source, offset)
        self.nodes = measure(self.tree)[0]
        self._passes_on = only_passes_on(self.tree)
        try:
            self._run = compile_node(self.tree)
        except RecursionError:
            raise TooLarge("the expression nests too deeply", offset, len(source)) from None

    def __repr__(self) -> str:
        return f"Program({self.source!r})"

    def __call__(self, scope: Scope, budget: Budget | None = None) -> Value:
        """The raw value, which may be a `Maybe`. Raises ExpressionFailed."""
        if budget is None:
            budget = Budget()
        budget.spend(self.nodes)
        try:
            return self._run(scope, budget)
        except RecursionError:
            raise OverBudget("the value nests too deeply") from None
        except OverflowError:  # an integer of the data that is too long to become a double
            raise ExpressionFailed("the number does not fit 64 bits") from None

    def json(self, scope: Scope, budget: Budget | None = None) -> Value:
        """The value as JSON, or NOTHING when it is an absent optional. Not to be changed.

        What only passes a part of the scope on is that part itself, not a copy.
        """
        if budget is None:
            budget = Budget()
        value = self(scope, budget)
        if type(value) is Maybe:
            if not value.present:
                return NOTHING
            value = value.value
        if self._passes_on:
            budget.spend(1)
            return value
        return plain(value, budget)

    def test(self, scope: Scope, budget: Budget | None = None) -> bool:
        """The value of a condition. Raises Mismatch unless it is true or false."""
        value = self(scope, budget)
        return value if type(value) is bool else want(bool, value, "a condition")

    def references(self) -> list[Reference]:
        """Every path read from the scope, in source order, variables of macros left out."""
        return list(references(self.tree))

    def surely_not_bool(self) -> bool:
        """True when no input can make this a condition; for the check at save time."""
        return surely_not_bool(self.tree)
