"""Finds secrets that were written where a reference belongs. Never quotes what it found."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from orchestra.agents.registration.fields import escaped
from orchestra.errors import Problem

REFERENCE = re.compile(r"^\$\{secret:[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\}$")
DEPTH_MAX = 16

# What keys of common services look like, and anything that says what it is.
_KEYS = re.compile(
    r"sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|glpat-[A-Za-z0-9_-]{20,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\borc_[A-Za-z0-9]+_[A-Za-z0-9]{20,}|[Bb]earer [A-Za-z0-9._~+/-]{16,}"
    r"|[?&](?:api[_-]?key|access[_-]?token|token|key|secret|password)=[^&\s]{8,}"
)
_FIELD = re.compile(
    r"(?:^|[_-])(?:password|passwd|secret|token|api[_-]?key|apikey|authorization|private[_-]?key)$",
    re.IGNORECASE,
)


def secrets_in(value: object, at: str = "", depth: int = 0) -> Iterator[Problem]:
    """A finding for each string that looks like a secret, by its form or its field's name."""
    if depth > DEPTH_MAX:
        return
    if isinstance(value, str):
        if _KEYS.search(value):
            yield _finding(at)
    elif isinstance(value, dict):
        for name, inner in cast("Mapping[str, object]", value).items():
            where = f"{at}/{escaped(name)}"
            if isinstance(inner, str) and len(inner) >= 8 and _FIELD.search(name):
                if not REFERENCE.match(inner):
                    yield _finding(where)
            else:
                yield from secrets_in(inner, where, depth + 1)
    elif isinstance(value, list):
        for i, inner in enumerate(cast("list[object]", value)):
            yield from secrets_in(inner, f"{at}/{i}", depth + 1)


def _finding(at: str) -> Problem:
    return Problem(
        at,
        "secret_literal",
        "this looks like a secret: keep it in a secret and refer to it",
        "${secret:name}",
    )
