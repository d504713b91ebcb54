"""What a function of the profile is. Tables are in `functions_*.py`, joined in `functions.py`."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestra.workflows.expressions.values import Value


@dataclass(frozen=True, slots=True)
class Function:
    """`run(budget, *arguments)` with `least` to `most` arguments.

    A method's target is its first argument, and its name in the tables starts with a dot.
    """

    run: Callable[..., Value]
    least: int
    most: int
