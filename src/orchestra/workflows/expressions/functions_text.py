"""Methods of strings. What scans the whole text costs steps by its length."""

from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.failures import Missing
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.patterns import Pattern
from orchestra.workflows.expressions.values import Value, want, want_list

_PATTERN_STEPS: Final = 1_000  # to compile one at run time


def _scanned(budget: Budget, value: Value, operation: str) -> str:
    text = want(str, value, operation)
    budget.spend(1 + len(text) // 64)
    return text


def _made(budget: Budget, text: str) -> str:
    budget.build(len(text))
    return text


def _contains(budget: Budget, value: Value, part: Value) -> bool:
    return want(str, part, "contains") in _scanned(budget, value, "contains")


def _starts_with(budget: Budget, value: Value, part: Value) -> bool:
    start = _scanned(budget, part, "startsWith")
    return want(str, value, "startsWith").startswith(start)


def _ends_with(budget: Budget, value: Value, part: Value) -> bool:
    return want(str, value, "endsWith").endswith(_scanned(budget, part, "endsWith"))


def _lower_ascii(budget: Budget, value: Value) -> str:
    # In UTF-8 no byte of another character is an ASCII letter, and bytes.lower() knows only those.
    raw = _scanned(budget, value, "lowerAscii").encode("utf-8", "surrogatepass")
    return _made(budget, raw.lower().decode("utf-8", "surrogatepass"))


def _upper_ascii(budget: Budget, value: Value) -> str:
    raw = _scanned(budget, value, "upperAscii").encode("utf-8", "surrogatepass")
    return _made(budget, raw.upper().decode("utf-8", "surrogatepass"))


def _trim(budget: Budget, value: Value) -> str:
    return _made(budget, _scanned(budget, value, "trim").strip())


def _substring(budget: Budget, value: Value, start: Value, end: Value = None) -> str:
    text = want(str, value, "substring")
    first = want(int, start, "substring")
    last = len(text) if end is None else want(int, end, "substring")
    if not 0 <= first <= last <= len(text):
        raise Missing(f"substring({first}, {last}) of {len(text)} characters")
    budget.spend(1 + (last - first) // 64)
    return _made(budget, text[first:last])


def _char_at(budget: Budget, value: Value, at: Value) -> str:
    text = want(str, value, "charAt")
    budget.spend(1)
    if not 0 <= want(int, at, "charAt") <= len(text):
        raise Missing(f"charAt({at}) of {len(text)} characters")
    return text[at : at + 1]


def _index_of(budget: Budget, value: Value, part: Value, start: Value = 0) -> int:
    text = _scanned(budget, value, "indexOf")
    if not 0 <= want(int, start, "indexOf") <= len(text):
        raise Missing(f"indexOf(…, {start}) of {len(text)} characters")
    return text.find(want(str, part, "indexOf"), start)


def _last_index_of(budget: Budget, value: Value, part: Value, last: Value = None) -> int:
    text, wanted = _scanned(budget, value, "lastIndexOf"), want(str, part, "lastIndexOf")
    if last is None:
        return text.rfind(wanted)
    if not 0 <= want(int, last, "lastIndexOf") <= len(text):
        raise Missing(f"lastIndexOf(…, {last}) of {len(text)} characters")
    return text.rfind(wanted, 0, last + len(wanted))


def _replace(budget: Budget, value: Value, old: Value, new: Value, limit: Value = -1) -> str:
    text = _scanned(budget, value, "replace")
    before, after = want(str, old, "replace"), want(str, new, "replace")
    found = text.count(before)
    count = found if want(int, limit, "replace") < 0 else min(limit, found)
    budget.spend(count // 16)
    budget.build(max(0, len(text) + count * (len(after) - len(before))))  # before it is built
    return text.replace(before, after, count)


def _split(budget: Budget, value: Value, separator: Value, limit: Value = -1) -> list[str]:
    text, mark = want(str, value, "split"), want(str, separator, "split")
    budget.spend(1 + len(text) // 16)
    most = want(int, limit, "split")
    if most == 0:
        return []
    pieces = text.count(mark) + 1 if mark else len(text)
    pieces = pieces if most < 0 else min(pieces, most)
    budget.build(len(text) + 8 * pieces)  # before they are made
    if mark:
        return text.split(mark, pieces - 1)
    return [*text[: pieces - 1], text[pieces - 1 :]] if text else []


def _join(budget: Budget, items: Value, separator: Value = "") -> str:
    budget.spend(len(want_list(items, "join")))
    for item in items:
        want(str, item, "join")
    budget.build(sum(map(len, items)) + len(want(str, separator, "join")) * len(items))
    return separator.join(items)


def _matches(budget: Budget, value: Value, pattern: Value) -> bool:
    """A constant pattern comes compiled; one made at run time is compiled here."""
    text = want(str, value, "matches")
    if type(pattern) is not Pattern:
        budget.spend(_PATTERN_STEPS)
        pattern = Pattern(want(str, pattern, "matches"))
    return want(Pattern, pattern, "matches").found(text, budget)


TEXT: Final[Mapping[str, Function]] = {
    ".contains": Function(_contains, 2, 2),
    ".startsWith": Function(_starts_with, 2, 2),
    ".endsWith": Function(_ends_with, 2, 2),
    ".lowerAscii": Function(_lower_ascii, 1, 1),
    ".upperAscii": Function(_upper_ascii, 1, 1),
    ".trim": Function(_trim, 1, 1),
    ".substring": Function(_substring, 2, 3),
    ".charAt": Function(_char_at, 2, 2),
    ".indexOf": Function(_index_of, 2, 3),
    ".lastIndexOf": Function(_last_index_of, 2, 3),
    ".replace": Function(_replace, 3, 4),
    ".split": Function(_split, 2, 3),
    ".join": Function(_join, 1, 2),
    "matches": Function(_matches, 2, 2),
    ".matches": Function(_matches, 2, 2),
}
