"""Which rows of a history tell of trouble, and of what kind."""

import functools
import re
from collections.abc import Callable, Sequence

import msgspec

from orchestra.connectors.analysis.cells import Cell
from orchestra.connectors.analysis.columns import Column
from orchestra.connectors.analysis.patterns import Pattern, compiled

_SAYS_WHAT = re.compile(
    r"(?:^|[_. ])(?:issue|problem|complaint|defect|fault|incident|error|failure)s?(?:$|[_. ])", re.I
)
_SAYS_HOW = re.compile(
    r"(?:^|[_. ])(?:status|state|result|outcome|delivery|notes?|comments?|resolution|reason|event"
    r"|type|kind|subject|message|text|description)(?:$|[_. ])",
    re.IGNORECASE,
)
_NO_PROBLEM = frozenset(
    "none no ok okay fine nothing - false 0 resolved-none no_issue null n/a".split()
) | {"no issue", "no problem", "all good"}
_KINDS = (
    ("late delivery", r"\blate\b|delay|overdue|not (?:yet )?arrived|behind schedule"),
    ("damaged goods", r"damag|broken|smashed|defect|faulty|torn|scratch|cracked"),
    ("lost parcel", r"\blost\b|stolen|never arrived|undeliver"),
    ("missing items", r"\bmissing|incomplete (?:order|delivery)|partly delivered"),
    ("wrong item", r"\bwrong (?:item|article|product|colou?r|size|model|one)|mixed up"),
    ("refund", r"refund|reimburs|chargeback|money back"),
    ("return", r"\breturn"),
    ("cancellation", r"cancel"),
    (
        "payment problem",
        r"declin|payment failed|unpaid|overcharg|charged twice|double charge|dispute",
    ),
    ("failure", r"\bfail|\berror|crash|timeout|timed out|rejected|outage"),
    ("complaint", r"complain|escalat|angry|unhappy|dissatisf"),
)


class Problem(msgspec.Struct, frozen=True):
    """Row `at` of the table tells of a problem of this `kind`."""

    at: int
    kind: str


def problems(columns: Sequence[Column]) -> list[Problem]:
    """At most one a row, in order: an issue column's own words, else a status that is bad."""
    found: dict[int, str] = {}
    kind_of = functools.cache(_kind_of)  # values repeat
    for column in columns:
        if tells(column.name):
            for at, cell in enumerate(column.cells):
                if kind := _issue(column.name, cell, kind_of):
                    found.setdefault(at, kind)
    for column in columns:
        if column.type == "string" and _SAYS_HOW.search(column.name):
            for at, cell in enumerate(column.cells):
                if at not in found and (kind := kind_of(str(cell))):
                    found[at] = kind
    return [Problem(at, kind) for at, kind in sorted(found.items())]


def tells(name: str) -> bool:
    """Whether a column of this name holds nothing but problems."""
    return bool(_SAYS_WHAT.search(name))


def _issue(name: str, cell: Cell, kind_of: Callable[[str], str | None]) -> str | None:
    if isinstance(cell, str) and cell.lower() not in _NO_PROBLEM:
        return kind_of(cell) or cell.lower()[:60]
    return name.replace("_", " ") if cell is True else None


def _kind_of(text: str) -> str | None:
    lower = text.lower().replace("_", " ").replace("-", " ")
    any_of_them, kinds = _patterns()
    if any_of_them.search(lower) is None:
        return None
    return next((kind for kind, pattern in kinds if pattern.search(lower)), None)


@functools.cache
def _patterns() -> tuple[Pattern, tuple[tuple[str, Pattern], ...]]:
    together = compiled("|".join(pattern for _, pattern in _KINDS))
    return together, tuple((kind, compiled(pattern)) for kind, pattern in _KINDS)
