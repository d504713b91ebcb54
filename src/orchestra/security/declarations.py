"""What each route declares, read back from its guards. One that declares nothing ends the start.

There is no default permission: forgetting one is found before anybody can call the route.
"""

from collections.abc import Iterator
from typing import Final, cast

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute

from orchestra.errors import OrchestraError
from orchestra.security import Permission

MOUNT_METHOD: Final = "*"


class RouteUndeclared(OrchestraError):
    """A route with no declaration, or with two. The detail names it. Ends the start."""


class Declaration(msgspec.Struct, frozen=True):
    """One method of one route. `permission` is None for a public one, which says why."""

    method: str
    path: str
    permission: Permission | None
    public: str | None


def declarations(app: Litestar) -> list[Declaration]:
    """Every route and method there is, sorted. Raises RouteUndeclared."""
    found = [_declared(method, path, handler) for method, path, handler in _handlers(app)]
    return sorted(found, key=lambda one: (one.path, one.method))


def _handlers(app: Litestar) -> Iterator[tuple[str, str, BaseRouteHandler]]:
    for route in app.routes:
        match route:
            case HTTPRoute():
                for method, (handler, _) in route.route_handler_map.items():
                    if not _is_generated(handler):
                        yield str(method), route.path_format, handler
            case ASGIRoute() | WebSocketRoute():
                yield MOUNT_METHOD, route.path_format, route.route_handler
            case _:
                raise RouteUndeclared(f"{route.path}: a kind of route nobody has judged")


def _is_generated(handler: HTTPRouteHandler) -> bool:
    """Litestar's own answer to OPTIONS: `Allow`, and nothing else."""
    return handler.http_methods == {"OPTIONS"} and handler.fn.__module__.startswith("litestar.")


def _declared(method: str, path: str, handler: BaseRouteHandler) -> Declaration:
    permission: list[Permission] = []
    public: list[str] = []
    for guard in cast("list[object]", handler.resolve_guards()):  # pyright: ignore[reportUnknownMemberType]
        # Litestar wraps guards; the function is inside.
        inner: object = getattr(guard, "func", guard)
        if isinstance(asked := getattr(inner, "permission", None), Permission):
            permission.append(asked)
        if isinstance(reason := getattr(inner, "public", None), str):
            public.append(reason)
    if len(permission) + len(public) != 1:
        said = "nothing" if not permission and not public else "more than one thing"
        raise RouteUndeclared(
            f"{method} {path} declares {said}: give it one of requires(...) and public(...)"
        )
    return Declaration(method, path, *(permission or [None]), *(public or [None]))
