"""What a route says about itself beside its signature: bodies, answers, refusals, headers.

A handler has it as `opt=described(...)`; `orchestra.openapi` makes the description from it. Here
because modules may not import the page that draws them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orchestra.errors import OrchestraError

KEY: Final = "described"

Shape = type[msgspec.Struct] | Mapping[str, Any]
"""A struct, or a JSON Schema as it is; its `title` names it."""


class Answer(msgspec.Struct, frozen=True):
    """One success: what it means, the document (one of `shapes`; none: no body), its headers."""

    told: str
    shapes: Sequence[Shape] = ()
    headers: Sequence[str] = ()
    media_type: str = "application/json"
    also: Mapping[str, Shape] = {}
    """The same in other media types, for those who ask for one."""


class Header(msgspec.Struct, frozen=True):
    """A request header that the handler reads itself."""

    name: str
    told: str
    max_length: int | None = None


class Described(msgspec.Struct, frozen=True):
    """All of it for one route. `refusals`: errors of the route; those of every route go without."""

    answers: Mapping[int, Answer]
    refusals: Sequence[type[OrchestraError]] = ()
    body: Shape | None = None
    body_optional: bool = False
    examples: Mapping[str, object] = {}
    """Bodies by a name in words."""
    headers: Sequence[Header] = ()

    def __deepcopy__(self, _: dict[int, object]) -> "Described":
        """Itself: nobody changes it. Litestar copies the `opt` of each handler several times."""
        return self


def described(
    answers: Mapping[int, Answer],
    *,
    refusals: Sequence[type[OrchestraError]] = (),
    body: Shape | None = None,
    body_optional: bool = False,
    examples: Mapping[str, object] | None = None,
    headers: Sequence[Header] = (),
) -> dict[str, Any]:
    """The `opt` of a handler."""
    told = Described(answers, refusals, body, body_optional, examples or {}, headers)
    return {KEY: told}
