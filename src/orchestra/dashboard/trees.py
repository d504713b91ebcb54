"""JSON to open and close, and two texts side by side: rows for templates, bounded. Pure."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, cast

import msgspec

from orchestra.dashboard.wording import CUT_BYTES, size

NODES_MAX: Final = 2_000
CHILDREN_MAX: Final = 200
DEPTH_MAX: Final = 24
TEXT_MAX: Final = 2_000
LINES_MAX: Final = 1_500
AROUND: Final = 3
"""Lines shown before and after what differs."""


class Node(msgspec.Struct):
    """A value in a tree. `kind`: text, number, word (true, false, null), object, list."""

    key: str
    kind: str
    text: str
    children: list["Node"]
    left_out: int = 0


class Line(msgspec.Struct, frozen=True):
    """A line of a comparison. `kind`: same, old, new, gap (`text` says how many are left out)."""

    kind: str
    old: int | None
    new: int | None
    text: str


def tree(value: object) -> Node:
    """The value, as deep and as wide as a page can take."""
    left = NODES_MAX

    def node(key: str, one: object, depth: int) -> Node:
        nonlocal left
        left -= 1
        if isinstance(one, Mapping):
            entries = [(str(k), v) for k, v in cast("Mapping[object, object]", one).items()]
            return branch(key, "object", entries, depth)
        if isinstance(one, Sequence) and not isinstance(one, str | bytes):
            entries = [(str(i), v) for i, v in enumerate(cast("Sequence[object]", one))]
            return branch(key, "list", entries, depth)
        if isinstance(one, str):
            more = f"… ({len(one):,} characters)" if len(one) > TEXT_MAX else ""
            return Node(key, "text", one[:TEXT_MAX] + more, [])
        word = one is None or isinstance(one, bool)
        shown = msgspec.json.encode(one).decode()
        return Node(key, "word" if word else "number", shown[:TEXT_MAX], [])

    def branch(key: str, kind: str, entries: list[tuple[str, object]], depth: int) -> Node:
        most = min(CHILDREN_MAX, max(left, 0)) if depth < DEPTH_MAX else 0
        unit = "key" if kind == "object" else "item"
        told = f"{len(entries):,} {unit}{'' if len(entries) == 1 else 's'}"
        made = Node(key, kind, told, [])
        for name, child in entries[:most]:
            if left <= 0:
                break
            made.children.append(node(name, child, depth + 1))
        made.left_out = len(entries) - len(made.children)
        return made

    return node("", value, 0)


def difference(old: Any, new: Any) -> list[Line]:
    """Two values as formatted JSON, or two texts, line by line; what is the same is left out."""
    left, right = _lines(old), _lines(new)
    found: list[Line] = []
    for word, a, b, c, d in SequenceMatcher(None, left, right).get_opcodes():
        if word == "equal":
            found += _same(left, (a, b), c - a, first=not found, last=b == len(left))
            continue
        found += [Line("old", i + 1, None, left[i]) for i in range(a, b)]
        found += [Line("new", None, i + 1, right[i]) for i in range(c, d)]
    return found


def _same(
    lines: list[str], span: tuple[int, int], shift: int, *, first: bool, last: bool
) -> list[Line]:
    start, end = span
    before = 0 if first else AROUND
    after = 0 if last else AROUND
    if end - start <= before + after + 1 and not (first and last):
        return [Line("same", i + 1, i + 1 + shift, lines[i]) for i in range(start, end)]
    head = [Line("same", i + 1, i + 1 + shift, lines[i]) for i in range(start, start + before)]
    tail = [Line("same", i + 1, i + 1 + shift, lines[i]) for i in range(end - after, end)]
    skipped = end - start - before - after
    return [*head, Line("gap", None, None, f"{skipped:,} lines are the same"), *tail]


def _lines(value: Any) -> list[str]:
    raw = value if isinstance(value, str) else _written(value)
    lines = raw[:CUT_BYTES].splitlines()[:LINES_MAX]
    return [*lines, f"… cut here: {size(len(raw))} in all"] if len(raw) > CUT_BYTES else lines


def _written(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
