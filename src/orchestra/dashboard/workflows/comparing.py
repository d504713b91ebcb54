"""Two definitions side by side: which steps differ, and two changes to one made one. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

CHANGES_MAX: Final = 200
_INNER: Final = ("steps", "cases", "default", "branches", "on_error", "finally")

Document = dict[str, Any]


class Change(msgspec.Struct, frozen=True):
    """A step, or a field of the whole, that differs. `kind`: added, removed, changed, moved."""

    kind: str
    path: str
    fields: tuple[str, ...] = ()
    both: bool = False
    """Whether the others changed it, too."""


def changes(old: Document, new: Document, theirs: list[Change] | None = None) -> list[Change]:
    """What differs, by step path; `theirs` marks what others changed, too."""
    before, after = dict(_parts(old)), dict(_parts(new))
    common = [path for path in after if path in before]
    order = [path for path in before if path in after]
    found: list[Change] = []
    for path, part in after.items():
        if path not in before:
            found.append(Change("added", path))
        elif before[path] != part:
            found.append(Change("changed", path, _fields(before[path], part)))
    found += [Change("removed", path) for path in before if path not in after]
    if common != order:
        found += [
            Change("moved", path)
            for path, other in zip(common, order, strict=True)
            if path != other and before[path] == after[path]
        ]
    taken = {change.path for change in theirs or ()}
    marked = [
        msgspec.structs.replace(change, both=True) if change.path in taken else change
        for change in found
    ]
    return marked[:CHANGES_MAX]


def _parts(definition: Document) -> Iterator[tuple[str, Document]]:
    """Fields of the whole as `name`, then each step with its own fields, by path."""
    for key, value in definition.items():
        if key not in _INNER:
            yield key, {"": value}
    for key in ("steps", "finally"):
        yield from _steps(definition.get(key), "" if key == "steps" else "finally/")


def _steps(value: object, prefix: str) -> Iterator[tuple[str, Document]]:
    if not isinstance(value, list):
        return
    for at, one in enumerate(cast("list[object]", value)):
        if not isinstance(one, dict):
            continue
        step = cast("Document", one)
        path = f"{prefix}{step.get('id', at)}"
        yield f"step {path}", {key: part for key, part in step.items() if key not in _INNER}
        yield from _steps(step.get("default"), f"{path}/default/")
        for key in ("cases", "branches", "on_error"):
            parts = step.get(key)
            for n, part in enumerate(
                cast("list[object]", parts) if isinstance(parts, list) else ()
            ):
                if isinstance(part, dict):
                    inner = cast("Document", part)
                    name = f"{path}/{inner.get('id', f'{key}-{n + 1}')}"
                    own = {k: v for k, v in inner.items() if k not in _INNER}
                    yield f"step {name}", own
                    yield from _steps(inner.get("steps"), f"{name}/")


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    names = [*new, *(name for name in old if name not in new)]
    return tuple(name for name in names if name and old.get(name) != new.get(name))


def merged(base: Any, theirs: Any, mine: Any) -> Any:
    """Both changes to `base`. Where they contradict each other, None: somebody has to decide."""
    try:
        return _merged(base, theirs, mine)
    except _Contradiction:
        return None


class _Contradiction(Exception):
    """Both changed the same in different ways."""


def _merged(base: Any, theirs: Any, mine: Any) -> Any:
    if theirs in (base, mine):
        return mine
    if mine == base:
        return theirs
    if isinstance(theirs, dict) and isinstance(mine, dict):
        start = cast("Document", base) if isinstance(base, dict) else {}
        return _objects(start, cast("Document", theirs), cast("Document", mine))
    before, other, own = _by_id(base), _by_id(theirs), _by_id(mine)
    if before is None or other is None or own is None:
        raise _Contradiction
    both = _objects(before, other, own)
    return [
        both[name] for name in (*own, *(name for name in other if name not in own)) if name in both
    ]


def _objects(base: Document, theirs: Document, mine: Document) -> Document:
    gone = object()
    made: Document = {}
    for key in (*mine, *(key for key in theirs if key not in mine)):
        old, other, own = base.get(key, gone), theirs.get(key, gone), mine.get(key, gone)
        if gone in (other, own) and old not in (other, own):
            raise _Contradiction  # one removed what the other changed
        value = _merged(old, other, own)
        if value is not gone:
            made[key] = value
    return made


def _by_id(value: Any) -> Document | None:
    """A list of steps by their ids; None for another list."""
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    found: Document = {}
    for item in items:
        if not isinstance(item, dict) or "id" not in item:
            return None
        step = cast("Document", item)
        found[str(step["id"])] = step
    return found if len(found) == len(items) else None
