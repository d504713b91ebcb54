"""Two JSON values side by side: what was added, what is gone, what is another. Pure."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple, cast

import msgspec

SHOWN_MAX: Final = 200
TEXT_MAX: Final = 400
NODES_MAX: Final = 20_000
DEPTH_MAX: Final = 40


class Change(NamedTuple):
    """One place. `kind`: added, removed, or changed."""

    pointer: str
    kind: str
    left: str
    right: str


class Difference(msgspec.Struct, frozen=True):
    """The first places that differ. `cut`: there are more."""

    changes: list[Change]
    cut: bool


class _Walk:
    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = NODES_MAX


def difference(left: object, right: object) -> Difference:
    """What makes `right` of `left`."""
    walk = _Walk()
    found = list(islice(_changes(left, right, "", walk), SHOWN_MAX + 1))
    return Difference(found[:SHOWN_MAX], len(found) > SHOWN_MAX or walk.left <= 0)


def _changes(left: object, right: object, pointer: str, walk: _Walk) -> Iterator[Change]:
    walk.left -= 1
    if walk.left <= 0:
        return
    both = (left, right)
    deep = pointer.count("/") >= DEPTH_MAX
    if not deep and all(isinstance(one, dict) for one in both):
        yield from _of_objects(cast("Any", left), cast("Any", right), pointer, walk)
    elif not deep and all(isinstance(one, list) for one in both):
        yield from _of_lists(cast("Any", left), cast("Any", right), pointer, walk)
    elif type(left) is not type(right) or left != right:
        yield Change(pointer, "changed", _shown(left), _shown(right))


def _of_objects(
    left: dict[str, object], right: dict[str, object], pointer: str, walk: _Walk
) -> Iterator[Change]:
    for name in [*left, *(name for name in right if name not in left)]:
        below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in right:
            yield Change(below, "removed", _shown(left[name]), "")
        elif name not in left:
            yield Change(below, "added", "", _shown(right[name]))
        else:
            yield from _changes(left[name], right[name], below, walk)


def _of_lists(
    left: list[object], right: list[object], pointer: str, walk: _Walk
) -> Iterator[Change]:
    for i in range(max(len(left), len(right))):
        below = f"{pointer}/{i}"
        if i >= len(right):
            yield Change(below, "removed", _shown(left[i]), "")
        elif i >= len(left):
            yield Change(below, "added", "", _shown(right[i]))
        else:
            yield from _changes(left[i], right[i], below, walk)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
