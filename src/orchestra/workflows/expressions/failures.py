"""What can go wrong with an expression, as one tree. Nothing else ever leaves this package.

ExpressionFailed              expression.failed    an evaluation that has no value
├── Missing                   expression.missing   a name, key or index that is not there
├── Mismatch                  expression.type      an operation on the wrong kind of value
├── OverBudget                expression.limit     too many steps, or too large a value
└── Malformed                 expression.syntax    found when compiled; has a position
    ├── UnknownFunction       expression.unknown_function
    ├── BadPattern            expression.pattern
    └── TooLarge              expression.too_large
"""

from collections.abc import Callable
from typing import ClassVar


class ExpressionFailed(Exception):
    """An evaluation that has no value. `code` goes into the step's error."""

    code: ClassVar[str] = "expression.failed"


class Missing(ExpressionFailed):
    """A name, key or index that is not there.

    `hint` is asked only when the message is read: `exists`, `||` and `[?]` absorb thousands of
    these, and the search for a similar key costs more than the rest of an evaluation.
    """

    code = "expression.missing"

    def __init__(self, message: str, hint: Callable[[], str] | None = None) -> None:
        super().__init__(message)
        self._message = message
        self._hint = hint

    def __str__(self) -> str:
        return self._message + (self._hint() if self._hint else "")


class Mismatch(ExpressionFailed):
    """An operation on the wrong kind of value."""

    code = "expression.type"


class OverBudget(ExpressionFailed):
    """Too many steps or too large a value. Never absorbed by `&&`, `||`, `all` or `exists`."""

    code = "expression.limit"


class Malformed(ExpressionFailed):
    """Not an expression of this profile.

    `position` and `length` mark the place, in characters of the string that was compiled: of the
    whole string for a template, not of the part between the braces.
    """

    code = "expression.syntax"

    def __init__(
        self, message: str, position: int = 0, length: int = 1, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.position = position
        self.length = length
        self.suggestion = suggestion


class UnknownFunction(Malformed):
    """A call of what is not in the profile. `suggestion` is the nearest name, if one is near."""

    code = "expression.unknown_function"


class BadPattern(Malformed):
    """A regular expression that RE2 refuses, or a longer one than allowed."""

    code = "expression.pattern"


class TooLarge(Malformed):
    """Longer, with more parts, or deeper than an expression may be."""

    code = "expression.too_large"
