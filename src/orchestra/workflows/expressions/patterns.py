"""Regular expressions, on RE2: time linear in the text, whatever the pattern."""

from typing import Any, Final

# google-re2 ships neither stubs nor annotations: what it returns is typed here, at the border.
import re2  # pyright: ignore[reportMissingTypeStubs]

from orchestra.workflows.expressions.budget import PATTERN_MAX, Budget
from orchestra.workflows.expressions.failures import BadPattern

_RE2: Final[Any] = re2
_PROGRAM_MAX_BYTES: Final = 1 << 20


class Pattern:
    """A compiled pattern. Immutable."""

    __slots__ = ("_found", "_size")

    def __init__(self, source: str, position: int = 0) -> None:
        if len(source) > PATTERN_MAX:
            raise BadPattern(f"a pattern may have {PATTERN_MAX} characters", position)
        options = _RE2.Options()
        options.log_errors = False
        options.max_mem = _PROGRAM_MAX_BYTES
        options.never_capture = True  # only whether it matches is asked, and that is faster
        try:
            compiled = _RE2.compile(source, options)
        except _RE2.error as error:
            raise BadPattern(f"bad pattern: {_readable(error)}", position) from None
        except UnicodeEncodeError:
            raise BadPattern("a pattern must be Unicode text", position) from None
        self._found = compiled.search
        self._size = int(compiled.programsize)

    def found(self, text: str, budget: Budget) -> bool:
        """Whether `text` has a match anywhere.

        Charged by the size of the pattern too: `.*a.{200}c` makes RE2 build a new state for each
        character, which takes 1 µs where a plain pattern takes 2 ns.
        """
        budget.spend(1 + len(text) // 16 + len(text) * self._size // 1_600)
        try:
            return self._found(text) is not None
        except UnicodeEncodeError:
            return self._found(text.encode("utf-8", "replace").decode("utf-8")) is not None


def _readable(error: Any) -> str:
    reason = error.args[0] if error.args else "cannot be compiled"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
