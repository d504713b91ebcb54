"""What single values of a table are: missing, a number, a date, or something to count."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from orchestra.connectors.analysis.requests import whole_characters

Cell = str | int | float | bool | None
CELL_MAX = 200  # characters of a text that are kept
_MISSING = frozenset(("", "n/a", "null", "nan", "#n/a"))
_LARGEST = 1e150  # so that squares and their sums stay numbers
_NESTED_MAX = 3
_NUMBER = re.compile(
    r"(?:[$€£]\s?)?([+-]?(?:\d{1,3}(?:,\d{3})+|0|[1-9]\d{0,17})(?:\.\d{1,17})?(?:[eE][+-]?\d{1,2})?)"
    r"(?:\s?(?:%|[$€£]|EUR|USD|GBP|CHF))?",
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.{0,24})?")


def clean(value: object) -> Cell:
    """`value` as a cell. NaN, infinities and texts that stand for nothing are missing."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LARGEST < value < _LARGEST else "a very large number"
    if isinstance(value, float):
        return value if math.isfinite(value) and abs(value) < _LARGEST else None
    if isinstance(value, str):
        text = value[: CELL_MAX * 2].strip()[:CELL_MAX]
        return None if text.lower() in _MISSING else whole_characters(text)
    return _outline(value)


def number(text: str) -> int | float | None:
    """The number a text is, with a currency or a percent sign; None for "007" and for words."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[1].replace(",", "")
    return int(digits) if digits.lstrip("+-").isdigit() else float(digits)


def moment(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date or time (UTC unless it says); None if it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _outline(value: object, depth: int = 0) -> str:
    """A list or object as a short text, to tell it from others; what is too deep is "…"."""
    if depth > _NESTED_MAX:
        return "…"
    if isinstance(value, Mapping):
        fields = list(cast("Mapping[object, object]", value).items())[:20]
        inner = ", ".join(f"{key}: {_outline(item, depth + 1)}" for key, item in fields)
        return f"{{{inner}}}"[:CELL_MAX]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = list(cast("Sequence[object]", value)[:20])
        return f"[{', '.join(_outline(item, depth + 1) for item in items)}]"[:CELL_MAX]
    cell = clean(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return str(cell)
