"""Schemas at work: does a value fit? Compiled once each, and kept by what they say."""

import functools
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from orchestra.errors import Problem
from orchestra.schemas.judging import validator_of
from orchestra.schemas.work import patterns_in

KEPT_MAX = 512
LARGE_KEPT_MAX = 32
"""Schemas with patterns, which may take up to 1 MiB each."""
ERRORS_MAX = 20
MESSAGE_MAX_CHARS = 300
PART_MAX_CHARS = 64
LARGE_NODES = 2_000
LARGE_CHARS = 65_536

_source = msgspec.json.Encoder(order="deterministic").encode


class Validator:
    """A schema ready for use. It passed `fault_of` when somebody wrote it."""

    def __init__(self, schema: object) -> None:
        self._validator = validator_of(schema)

    def fits(self, value: object) -> bool:
        """Whether there is nothing wrong with it; quicker than `errors`."""
        return bool(self._validator.is_valid(value))

    def errors(self, value: object, at: str = "", most: int = ERRORS_MAX) -> tuple[Problem, ...]:
        """What is wrong, with pointers below `at`; empty when it fits."""
        found: list[Problem] = []
        for error in self._validator.iter_errors(value):
            path = "".join(f"/{_escaped(str(part))}" for part in error.instance_path)
            message = error.message[:MESSAGE_MAX_CHARS]
            found.append(Problem(at + path, str(error.kind.name), message))
            if len(found) >= most:
                break
        return tuple(found)


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
