"""Probes: `/livez` says that the process turns, `/readyz` (and `/health`) that it can do its job.

Bare ASGI, because they are asked all the time. What is behind the answer (each check, the store,
the durability in force) is told only to callers with `system:read`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

import anyio
import msgspec
import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from orchestra import problems
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Unavailable
from orchestra.security import Permission, Principal, public

log = structlog.get_logger(__name__)

Phase = Literal["starting", "ready", "draining"]
Check = Callable[[], Awaitable[None]]

CHECK_S: Final = 1.0
# Probes are public: a flood of them asks the store once a second, not more.
FRESH_S: Final = 1.0
READY: Final = ("/readyz", "/health")
NOT_READY: Final = "not-ready"


class Starting(Unavailable):
    """The process is up and its parts are not, yet."""


class Checked(msgspec.Struct, frozen=True):
    """What a check found."""

    ok: bool
    ms: float
    reason: str | None = None


class Health:
    """What the probes answer. `checks` and `durability` are set when the parts are known."""

    def __init__(self, clock: Clock) -> None:
        self.phase: Phase = "starting"
        self.durability: object = None
        self.checks: Mapping[str, Check] = {}
        self.processes: Callable[[], Sequence[object]] = tuple
        """Which modules run where."""
        self.store: Callable[[], Mapping[str, object]] = dict
        """What is known of the store."""
        self._clock = clock
        self._checking = anyio.Lock()
        self._found: Mapping[str, Checked] = {}
        self._checked_at_s = float("-inf")

    def routes(self) -> list[ASGIRouteHandler]:
        """The probes as routes."""
        return [
            asgi("/livez", guards=[public("probe")], copy_scope=False)(self.livez),
            asgi(list(READY), guards=[public("probe")], copy_scope=False)(self.readyz),
        ]

    async def livez(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002  # ASGI
        """200: the loop turns. Touches nothing else."""
        await _reply(send, HTTPStatus.OK, {"status": "alive"})

    async def readyz(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002  # ASGI
        """200 when every part can do its job; 503 while starting, draining or without a store."""
        found: Mapping[str, Checked] = await self.checked() if self.phase == "ready" else {}
        failing = [name for name, one in found.items() if not one.ok]
        ready = self.phase == "ready" and not failing
        members: dict[str, object] = {"status": "ready" if ready else NOT_READY}
        principal = scope.get("principal")
        if isinstance(principal, Principal) and principal.may(Permission.SYSTEM_READ):
            members |= {"phase": self.phase, "checks": found, "durability": self.durability}
            members |= {"store": self.store(), "processes": self.processes()}
            members |= {"failing": failing} if failing else {}
        code = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        await _reply(send, code, members)

    async def waiting(self, scope: Any, receive: Any, send: Any) -> None:
        """The whole application until there is one."""
        match scope["path"]:
            case "/livez":
                await self.livez(scope, receive, send)
            case "/readyz" | "/health":
                await self.readyz(scope, receive, send)
            case _:
                error = Starting("starting: ask again in a moment", retry_after_ms=1_000)
                body = problems.document(error, scope["request_id"])
                await _send(send, error.status, body, problems.MEDIA_TYPE, problems.headers(error))

    async def checked(self) -> Mapping[str, Checked]:
        """What each check found, by the name of the part: asked together, at most once a second."""
        async with self._checking:
            now_s = self._clock.monotonic()
            if now_s - self._checked_at_s >= FRESH_S:
                found: dict[str, Checked] = {}
                async with anyio.create_task_group() as together:
                    for name, check in self.checks.items():
                        together.start_soon(self._run, name, check, found)
                self._found, self._checked_at_s = dict(sorted(found.items())), now_s
        return self._found

    async def _run(self, name: str, check: Check, found: dict[str, Checked]) -> None:
        began, reason = self._clock.monotonic(), None
        try:
            with anyio.fail_after(CHECK_S):
                await check()
        except (OrchestraError, TimeoutError, OSError) as error:
            reason = str(error) or "no answer in time"
            log.warning("health.check_failed", part=name, reason=reason)
        ms = round((self._clock.monotonic() - began) * 1_000, 1)
        found[name] = Checked(reason is None, ms, reason)


async def _reply(send: Any, status: int, members: Mapping[str, object]) -> None:
    await _send(send, status, msgspec.json.encode(members), "application/json", [])


async def _send(
    send: Any, status: int, body: bytes, media_type: str, headers: problems.Headers
) -> None:
    lines = [(name.encode(), value.encode()) for name, value in headers]
    lines += [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": int(status), "headers": lines})
    await send({"type": "http.response.body", "body": body})
