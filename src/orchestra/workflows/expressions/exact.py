"""The exact type of a value, under a name that a type checker does not narrow by.

`type(value) is list` makes `list[Unknown]` of an Any, and every line after it suspicious; what is
asked here is only which of the seven JSON types it is.
"""

from collections.abc import Callable
from typing import Final

type_of: Final[Callable[[object], type[object]]] = type
