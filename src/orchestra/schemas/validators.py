"""Schemas at work: does a value fit? Compiled once each, and kept by what they say."""

import functools
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from orchestra.errors import Problem
from orchestra.schemas.judging import validator_of
from orchestra.schemas.work import MEETING_MAX, Endless, meeting, patterns_in

KEPT_MAX = 512
LARGE_KEPT_MAX = 32
"""Schemas with patterns, which may take up to 1 MiB each."""
ERRORS_MAX = 20
MESSAGE_MAX_CHARS = 300
PART_MAX_CHARS = 64
WORK_MAX = 4_000_000
"""Places of a value times subschemas that may meet at one: half a second in which nothing else of
the process runs, for neither a thread nor a deadline stops it.
"""
TOLD_MAX = 20_000
"""The same, for telling all that is wrong: each of them may be an error that is written out."""
LARGE_NODES = 2_000
LARGE_CHARS = 65_536

_source = msgspec.json.Encoder(order="deterministic").encode


class Validator:
    """A schema ready for use. It passed `fault_of` when somebody wrote it."""

    def __init__(self, schema: object) -> None:
        self._validator = validator_of(schema)
        self._met = _met(schema)

    def fits(self, value: object) -> bool:
        """Whether there is nothing wrong with it; quicker than `errors`."""
        return self._can(value, WORK_MAX) and bool(self._validator.is_valid(value))

    def errors(self, value: object, at: str = "", most: int = ERRORS_MAX) -> tuple[Problem, ...]:
        """What is wrong, with pointers below `at`; empty when it fits."""
        if not self._can(value, WORK_MAX):
            told = "too large to be checked against a schema with so many branches"
            return (Problem(at, "too_complex", told),)
        if self._validator.is_valid(value):
            return ()
        if not self._can(value, TOLD_MAX):
            return (Problem(at, "schema", "does not fit its schema, and is too large to say why"),)
        found: list[Problem] = []
        for error in self._validator.iter_errors(value):
            path = "".join(f"/{_escaped(str(part))}" for part in error.instance_path)
            message = error.message[:MESSAGE_MAX_CHARS]
            found.append(Problem(at + path, str(error.kind.name), message))
            if len(found) >= most:
                break
        return tuple(found)

    def _can(self, value: object, most: int) -> bool:
        """Whether it is at most so much work."""
        places = most // self._met
        return _places(value, places) <= places


def _met(schema: object) -> int:
    """How many subschemas may meet at one place of a value."""
    try:
        return max(1, meeting(cast("dict[str, Any]", schema))) if isinstance(schema, dict) else 1
    except Endless:
        return MEETING_MAX


def _places(value: object, most: int) -> int:
    """How many values are in it; when that is over `most`, some number over it."""
    found, waiting = 0, [cast("Any", value)]
    while waiting and found + len(waiting) <= most:
        item = waiting.pop()
        found += 1
        if isinstance(item, dict):
            waiting += cast("dict[str, Any]", item).values()
        elif isinstance(item, list | tuple):
            waiting += cast("list[Any]", item)
    return found + len(waiting)


def compiled(schema: Mapping[str, object]) -> Validator:
    """The validator of a schema; the same one for the same content."""
    keep = _compiled_large if patterns_in(schema) else _compiled
    return keep(_source(schema))


def _validator(source: bytes) -> Validator:
    return Validator(msgspec.json.decode(source))


_compiled = functools.lru_cache(maxsize=KEPT_MAX)(_validator)
_compiled_large = functools.lru_cache(maxsize=LARGE_KEPT_MAX)(_validator)


def _escaped(part: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4), at most 64 characters of it."""
    return part[:PART_MAX_CHARS].replace("~", "~0").replace("/", "~1")


def is_large(value: object) -> bool:
    """Whether checking `value` takes so long that it is better done in a thread."""
    nodes, chars, level = 0, 0, [cast("Any", value)]
    while level:
        item = level.pop()
        nodes += 1
        if isinstance(item, str):
            chars += len(item)
        elif isinstance(item, dict):
            level += cast("dict[str, Any]", item).values()
        elif isinstance(item, list | tuple):
            level += cast("list[Any]", item)
        if nodes + len(level) > LARGE_NODES or chars > LARGE_CHARS:
            return True
    return False
