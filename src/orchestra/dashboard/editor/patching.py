"""A JSON Patch as an edit of the text: what it is not about stays as it was written.

Pure. Reads text that the validator could read, so it need not judge it.
"""

import bisect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\]:,"]+', re.DOTALL)
_DEPTH_MAX: Final = 128

Span = tuple[int, int]


class PatchMisplaced(Exception):
    """The patch is about something that the text does not have."""


class Edit(msgspec.Struct, frozen=True):
    """Put `insert` in place of what stands from `start` to `end`."""

    start: int
    end: int
    insert: str

    def applied(self, text: str) -> str:
        """The text after it."""
        return text[: self.start] + self.insert + text[self.end :]

    def in_units(self, text: str) -> dict[str, object]:
        """With offsets as scripts count them: in UTF-16 units."""
        start = _units(text[: self.start])
        return {
            "from": start,
            "to": start + _units(text[self.start : self.end]),
            "insert": self.insert,
        }


class _Part(msgspec.Struct):
    """A value of the text: where its key and itself stand, and what it holds, by name.

    No pointers are kept: those of 100,000 values deep inside would take a gigabyte.
    """

    key: Span | None
    start: int
    end: int = 0
    kind: str = ""
    members: dict[str, "_Part"] = {}

    @property
    def first(self) -> int:
        """Where it begins, with its key."""
        return self.key[0] if self.key else self.start


class _Open(msgspec.Struct):
    """An object or list that is being read."""

    part: _Part
    name: Span | None = None


def edit_of(text: str, patch: Sequence[Mapping[str, Any]]) -> Edit:
    """The one edit that does what `patch` says. Raises PatchMisplaced."""
    after = text
    for change in patch:
        after = _changed(after, change)
    return difference(text, after)


def difference(before: str, after: str) -> Edit:
    """The smallest stretch that differs."""
    start, most = 0, min(len(before), len(after))
    start = bisect.bisect_left(range(most), 1, key=lambda at: before[: at + 1] != after[: at + 1])
    left = most - start
    tail = bisect.bisect_left(
        range(left), 1, key=lambda n: before[len(before) - n - 1 :] != after[len(after) - n - 1 :]
    )
    return Edit(start, len(before) - tail, after[start : len(after) - tail])


def _changed(text: str, change: Mapping[str, Any]) -> str:
    whole = _parts(text)
    path = str(change["path"])
    match change["op"]:
        case "replace":
            return _replaced(text, _at(whole, path), change["value"])
        case "remove":
            return _removed(text, whole, path)
        case "move":
            return _moved(text, whole, str(change["from"]), path)
        case "add":
            return _added(text, whole, path, change["value"])
        case other:
            raise PatchMisplaced(f"no operation {other}")


def _replaced(text: str, part: _Part, value: object) -> str:
    shown = _written(value, _indent(text, part.start))
    return text[: part.start] + shown + text[part.end :]


def _moved(text: str, whole: _Part, source: str, path: str) -> str:
    part = _at(whole, source)
    if part.key and source.rpartition("/")[0] == path.rpartition("/")[0]:
        start, end = part.key
        return text[:start] + json.dumps(_name(path), ensure_ascii=False) + text[end:]
    value = json.loads(text[part.start : part.end])
    without = _removed(text, whole, source)
    return _added(without, _parts(without), path, value)


def _removed(text: str, whole: _Part, path: str) -> str:
    part, holder = _at(whole, path), _at(whole, path.rpartition("/")[0])
    members = list(holder.members.values())
    at = next((i for i, one in enumerate(members) if one is part), -1)
    if at < 0:
        raise PatchMisplaced("the whole stays")
    start, end = part.first, part.end
    if at + 1 < len(members):
        end = members[at + 1].first
    elif at:
        start = members[at - 1].end
    else:  # the only one: what is around it stays an empty object or list
        start, end = holder.start + 1, holder.end - 1
    return text[:start] + text[end:]


def _added(text: str, whole: _Part, path: str, value: object) -> str:
    above, _, last = path.rpartition("/")
    holder, name = _at(whole, above), _name(path)
    if holder.kind not in ("{", "["):
        raise PatchMisplaced(f"{above} holds nothing")
    if holder.kind == "{" and name in holder.members:
        return _replaced(text, holder.members[name], value)
    members = list(holder.members.values())
    outer = _indent(text, holder.start)
    first = members[0].first if members else None
    lines = first is None or "\n" in text[holder.start : first]
    inner = outer + "  " if first is None else _indent(text, first)
    gap = f"\n{inner}" if lines else " "
    shown = _written(value, inner if lines else outer)
    if holder.kind == "{":
        shown = f"{json.dumps(name, ensure_ascii=False)}: {shown}"
    index = int(last) if last.isdecimal() and holder.kind == "[" else len(members)
    if first is None:
        close = f"\n{outer}" if lines else ""
        return f"{text[: holder.start + 1]}{gap}{shown}{close}{text[holder.end - 1 :]}"
    if index < len(members):
        at = members[index].first
        return f"{text[:at]}{shown},{gap}{text[at:]}"
    end = members[-1].end
    return f"{text[:end]},{gap}{shown}{text[end:]}"


def _at(whole: _Part, pointer: str) -> _Part:
    part: _Part | None = whole
    for name in pointer.split("/")[1:]:
        part = part.members.get(_plain(name)) if part else None
    if part is None:
        raise PatchMisplaced(f"the text has nothing at {pointer}")
    return part


def _parts(text: str) -> _Part:
    """The text as a tree. Of keys that are there twice the last counts."""
    whole: _Part | None = None
    stack: list[_Open] = []
    for found in _TOKEN.finditer(text):
        mark, span = found.group(), found.span()
        top = stack[-1] if stack else None
        if mark in "}]":
            if stack:
                stack.pop().part.end = span[1]
            continue
        if top is not None and top.part.kind == "{" and top.name is None:
            top.name = span
            continue
        part = _Part(None, span[0], span[1])
        if top is not None:
            name = str(len(top.part.members))
            if top.name is not None:
                part.key, top.name = top.name, None
                name = json.loads(text[slice(*part.key)])
            top.part.members.pop(name, None)
            top.part.members[name] = part
        whole = whole or part
        if mark in "{[":
            part.kind, part.members = mark, {}
            stack.append(_Open(part))
            if len(stack) > _DEPTH_MAX:
                break
    if whole is None:
        raise PatchMisplaced("the text is empty")
    return whole


def _name(pointer: str) -> str:
    return _plain(pointer.rpartition("/")[2])


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _written(value: object, indent: str) -> str:
    """A value as text; what is long stands on lines of its own."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= 60:
        return flat
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", f"\n{indent}")


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
