"""Parts of a module for its route handlers, by the names under which these ask for them."""

from collections.abc import Callable, Mapping

from litestar.di import Provide


def provided(parts: Mapping[str, object]) -> dict[str, Provide]:
    """The dependencies of a router."""
    return {name: Provide(_constant(part), sync_to_thread=False) for name, part in parts.items()}


def _constant(part: object) -> Callable[[], object]:
    def provide() -> object:
        return part

    return provide
