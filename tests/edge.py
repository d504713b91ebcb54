"""The HTTP edge with a tiny module behind it, in this process: what tests of the edge talk to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import msgspec
from litestar import Controller, Request, get, post
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from orchestra.app import Ports, Stage, application, prepare
from orchestra.described import Answer, described
from orchestra.errors import Conflict, Invalid, Problem, Unauthenticated, Unavailable
from orchestra.module import Module
from orchestra.security import KEY_NEEDED, Permission, Principal, public, requires
from orchestra.security.hardened import loads
from orchestra.security.lasting import Verifier
from orchestra.security.local_trust import Address
from orchestra.settings import Settings

LOOPBACK: Address = ("127.0.0.1", 8000)


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the tiny module takes."""

    name: Annotated[str, msgspec.Meta(max_length=64)]
    spec: object = None


class NoteRoutes(Controller):
    """Something of each kind: read, written, public, for administrators, broken."""

    path = "/api/notes"

    @post(
        "/",
        guards=[requires(Permission.WORKFLOWS_WRITE)],
        opt=described({201: Answer("Made.", [Note])}, refusals=[Conflict], body=Note),
    )
    async def create(self, request: Request[Any, Any, Any]) -> dict[str, str]:
        """Create a note."""
        return {"name": msgspec.convert(loads(await request.body()), Note).name}

    @get("/", guards=[requires(Permission.WORKFLOWS_READ)])
    async def listed(self, limit: FromQuery[int] = 50) -> dict[str, int]:
        """List notes."""
        return {"limit": limit}

    @get("/keys", guards=[requires(Permission.KEYS_MANAGE)])
    async def keys(self) -> dict[str, str]:
        """Only for administrators."""
        return {}

    @get("/open", guards=[public("a test")])
    async def open(self) -> dict[str, str]:
        """For anybody."""
        return {}

    @get("/fail/{kind:str}", guards=[public("a test")])
    async def fail(self, request: Request[Any, Any, Any]) -> None:
        """Fail in one of several ways."""
        match request.path_params["kind"]:
            case "busy":
                raise Unavailable("come back later", retry_after_ms=1_500)
            case "conflict":
                raise Conflict("not now", state="running", status="forged")
            case "invalid":
                found = [Problem("/steps/0", "unknown_agent", "nobody offers it", "text_analyzer")]
                raise Invalid("2 findings", found)
            case _:
                raise RuntimeError("password=hunter2 in /etc/passwd")


class Notes:
    """A Module."""

    name = "notes"

    def __init__(self, *routes: ControllerRouterHandler) -> None:
        self.routes: Sequence[ControllerRouterHandler] = routes or (NoteRoutes,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Nothing runs."""
        yield

    async def quiesce(self) -> None:
        """Nothing to wait for."""

    async def check(self) -> None:
        """Always well."""


def a_stage(
    settings: Settings | None = None,
    *modules: Module,
    listener: Address = LOOPBACK,
    own: bool = True,
    verifier: Verifier | None = None,
) -> Stage:
    """Everything but the store and the sockets."""
    settings = settings or Settings()
    stage = prepare(settings, [listener], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: own
    stage.gateway.verifier = verifier
    stage.gateway.application = application(modules or (Notes(),), stage, settings)
    stage.health.phase = "ready"
    return stage


def a_client(stage: Stage, address: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    """A client whose connection comes from this machine."""
    transport = httpx.ASGITransport(stage.gateway, client=("127.0.0.1", 40_000))
    return httpx.AsyncClient(transport=transport, base_url=address)


class OneKey:
    """A Verifier that knows one key."""

    def __init__(self, text: str, principal: Principal) -> None:
        self.text, self.principal = text, principal

    async def authenticate(self, text: str) -> Any:
        """The principal of the one key."""
        if text != self.text:
            raise Unauthenticated(KEY_NEEDED)
        return self.principal, "live"
