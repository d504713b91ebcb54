"""Version ranges: `1.2.0`, `1.x`, `^1.2`, `~1.2.3`, `>=1.0 <2.0`, `*`; alternatives with `||`.

The subset of npm's grammar (semver 2.0.0 order) without hyphen ranges. A pre-release is only in
a range that names one of the same numbers.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_NUMBER = r"(?:0|[1-9]\d{0,8})"
_VERSION = re.compile(
    rf"^v?({_NUMBER})(?:\.({_NUMBER}|[xX*]))?(?:\.({_NUMBER}|[xX*]))?(?:-([0-9A-Za-z.-]{{1,64}}))?(?:\+[0-9A-Za-z.-]{{1,64}})?$"
)
_TERM = re.compile(r"^(\^|~|>=|<=|>|<|=)?(.+)$")


class Version(NamedTuple):
    """Comparable; a release is above its pre-releases."""

    major: int
    minor: int
    patch: int
    release: bool = True
    pre: tuple[tuple[bool, int, str], ...] = ()


class BadRange(ValueError):
    """Not a version range."""


Bound = tuple[str, Version]


def parse(text: str) -> Version | None:
    """A full version, `1.2.3-rc.1`; missing numbers are 0. None when it is not one."""
    match = _VERSION.match(text)
    if match is None or any(part in ("x", "X", "*") for part in match.groups()[:3]):
        return None
    major, minor, patch, pre = match.groups()
    return Version(int(major), int(minor or 0), int(patch or 0), pre is None, _pre(pre))


def matches(version: str, wanted: str) -> bool:
    """Whether `version` is in the range `wanted`. Raises BadRange."""
    found = parse(version)
    alternatives = _alternatives(wanted)
    return found is not None and any(_inside(found, bounds) for bounds in alternatives)


def _inside(version: Version, bounds: tuple[Bound, ...]) -> bool:
    if not version.release and not any(
        not bound.release and bound[:3] == version[:3] for _, bound in bounds
    ):
        return False
    return all(_compare(version, sign, bound) for sign, bound in bounds)


def _compare(version: Version, sign: str, bound: Version) -> bool:
    match sign:
        case ">=":
            return version >= bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case "<":
            return version < bound
        case _:
            return version == bound


@lru_cache(256)
def _alternatives(wanted: str) -> tuple[tuple[Bound, ...], ...]:
    if len(wanted) > 256:
        raise BadRange("a version range has at most 256 characters")
    # `>= 1.0` is `>=1.0`: the sign belongs to what follows.
    text = re.sub(r"([\^~<>=])\s+", r"\1", wanted)
    return tuple(
        tuple(bound for term in part.split() for bound in _bounds(term))
        for part in text.split("||")
    )


def _bounds(term: str) -> Iterator[Bound]:
    if term in ("*", "x", "X"):
        return
    match = _TERM.match(term)
    parts = _VERSION.match(match[2]) if match else None
    if match is None or parts is None:
        raise BadRange("not a version range such as ^1.2 or >=1.0 <2.0")
    sign = match[1] or "="
    numbers = [int(part) for part in parts.groups()[:3] if part and part not in ("x", "X", "*")]
    low = _full(numbers, parts[4])
    if sign == "^":
        fixed = next((i + 1 for i, n in enumerate(numbers) if n), len(numbers))
    elif sign == "~":
        fixed = min(len(numbers), 2)
    elif sign == "=" and len(numbers) < 3:
        fixed = len(numbers)
    else:
        yield sign, low
        return
    yield ">=", low
    yield "<", _full([*numbers[: fixed - 1], numbers[fixed - 1] + 1])


def _full(numbers: list[int], pre: str | None = None) -> Version:
    major, minor, patch = [*numbers, 0, 0][:3]
    return Version(major, minor, patch, pre is None, _pre(pre))


def _pre(text: str | None) -> tuple[tuple[bool, int, str], ...]:
    """Numbers compare as numbers and come before words (semver 2.0.0, section 11)."""
    if text is None:
        return ()
    return tuple(
        (False, int(part), "") if part.isdigit() else (True, 0, part) for part in text.split(".")
    )
