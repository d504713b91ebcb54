"""The limits of an expression, and what one evaluation may still spend."""

from typing import Any, Final

from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import OverBudget

SOURCE_MAX: Final = 8_192  # characters
NODES_MAX: Final = 2_000
NESTING_MAX: Final = 50  # brackets and arguments inside one another
HEIGHT_MAX: Final = 150  # of the syntax tree: a chain of 150 `+` is the longest
STEPS_MAX: Final = 50_000
BUILT_MAX_BYTES: Final = 1 << 20
PATTERN_MAX: Final = 256


class Budget:
    """Steps (nodes evaluated) and bytes (new values as they would be written out)."""

    __slots__ = ("bytes", "steps")

    def __init__(self, steps: int = STEPS_MAX, size: int = BUILT_MAX_BYTES) -> None:
        self.steps = steps
        self.bytes = size

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise OverBudget("the expression needs too many steps")

    def build(self, size: int) -> None:
        self.bytes -= size
        if self.bytes < 0:
            raise OverBudget("the expression builds too large a value")

    def build_all(self, value: Any) -> Any:
        """Charge `value` as written out, shared parts each time: `[l, l, l]` repeated is a bomb."""
        pending = [value]
        while pending:
            item = pending.pop()
            what = type_of(item)
            self.spend(1)
            if what is list:
                self.afford(len(item))
                self.build(2 + len(item))
                pending.extend(item)
            elif what is dict:
                self.afford(len(item))
                self.build(2 + sum(len(key) if type(key) is str else 8 for key in item))
                pending.extend(item.values())
            else:
                self.build(len(item) if what is str else 4)
        return value

    def afford(self, steps: int) -> None:
        """Raise now when `steps`, to be spent one by one, are not there: nothing is walked."""
        if steps > self.steps:
            raise OverBudget("the expression needs too many steps")
