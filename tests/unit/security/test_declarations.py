"""Every route says who may call it, or there is no start."""

import pytest
from edge import NoteRoutes, Notes, a_stage
from litestar import get, post
from litestar.handlers import asgi

from orchestra.security import Permission, public, requires
from orchestra.security.declarations import RouteUndeclared, declarations
from orchestra.settings import Settings


@get("/api/forgotten")
async def forgotten() -> None: ...


@post("/api/twice", guards=[requires(Permission.AGENTS_READ), public("both")])
async def twice() -> None: ...


@asgi("/api/bare", copy_scope=False)
async def bare(scope: object, receive: object, send: object) -> None: ...


@pytest.mark.parametrize(
    ("handler", "name"),
    [(forgotten, "GET /api/forgotten"), (twice, "POST /api/twice"), (bare, "* /api/bare")],
)
def test_a_route_that_does_not_declare_one_thing_is_named(handler: object, name: str) -> None:
    with pytest.raises(RouteUndeclared) as refused:
        a_stage(Settings(), Notes(handler))  # type: ignore[arg-type]

    assert name in refused.value.detail


def test_everything_that_is_served_is_declared() -> None:
    stage = a_stage(Settings(), Notes(NoteRoutes))

    found = {(one.method, one.path): one for one in declarations(stage.gateway.application)}  # type: ignore[arg-type]

    assert found["POST", "/api/notes"].permission is Permission.WORKFLOWS_WRITE
    assert found["GET", "/docs"].permission is Permission.SYSTEM_READ
    assert found["GET", "/openapi.json"].permission is Permission.SYSTEM_READ
    open_ones = {path for (_, path), one in found.items() if one.public}
    assert open_ones == {
        "/livez", "/readyz", "/health", "/static", "/api/notes/open", "/api/notes/fail/{kind}",
    }  # fmt: skip
