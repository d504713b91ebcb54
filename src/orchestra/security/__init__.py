"""Security: who asks, what they may do, and what may be dialled. This page is the contract."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Literal, cast

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from orchestra.errors import Forbidden, Unauthenticated
from orchestra.store.keys import Tenant

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class Permission(StrEnum):
    """What a route may ask for. Every route declares exactly one, or `public`."""

    AGENTS_READ = "agents:read"
    AGENTS_REGISTER = "agents:register"
    AGENTS_EXECUTE = "agents:execute"
    AGENTS_OPERATE = "agents:operate"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    EXECUTIONS_READ = "executions:read"
    EXECUTIONS_START = "executions:start"
    EXECUTIONS_OPERATE = "executions:operate"
    SECRETS_WRITE = "secrets:write"
    EVENTS_READ = "events:read"
    EVENTS_PUBLISH = "events:publish"
    QUEUES_READ = "queues:read"
    QUEUES_SEND = "queues:send"
    QUEUES_OPERATE = "queues:operate"
    EVENTS_SUBSCRIBE = "events:subscribe"
    EVENTS_DEFINE = "events:define"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    WEBHOOKS_OPERATE = "webhooks:operate"
    LOGS_READ = "logs:read"
    METRICS_READ = "metrics:read"
    METRICS_RECORD = "metrics:record"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    ALERTS_ACKNOWLEDGE = "alerts:acknowledge"
    KEYS_MANAGE = "keys:manage"
    SYSTEM_READ = "system:read"


# One text for every way of not being known: no key, a wrong one, an expired one.
KEY_NEEDED = "a valid API key is needed: Authorization: Bearer <key>"

Role = Literal["viewer", "operator", "editor", "admin", "platform_admin"]


class Principal(msgspec.Struct, frozen=True):
    """Who asks, for which tenant. `actor` is what stands in histories: `developer`, `key_…`."""

    tenant: Tenant
    role: Role
    actor: str
    permissions: frozenset[str]

    def may(self, permission: Permission) -> bool:
        """Whether `permission` is among those of the role."""
        return permission.value in self.permissions


def principal_of(connection: Connection) -> Principal:
    """The caller the gateway established. Raises Unauthenticated when there is none."""
    principal = cast("Mapping[str, object]", connection.scope).get("principal")
    if not isinstance(principal, Principal):
        raise Unauthenticated(KEY_NEEDED)
    return principal


def _known(connection: Connection) -> bool:
    return isinstance(cast("Mapping[str, object]", connection.scope).get("principal"), Principal)


def requires(permission: Permission, or_token: str = "", *, or_later: bool = False) -> Guard:
    """The guard of a route: the caller has `permission`.

    Or shows a token that begins with `or_token`, or (`or_later`) is nobody yet on a WebSocket: then
    the handler judges it.
    """

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        given = connection.headers.get("authorization", "") if or_token else ""
        if or_token and given.partition(" ")[2].strip().startswith(or_token):
            return
        if or_later and connection.scope["type"] == "websocket" and not _known(connection):
            return
        if not principal_of(connection).may(permission):
            raise Forbidden(f"this needs the permission {permission}", permission=permission.value)

    guard.permission = permission  # type: ignore[attr-defined]  # read by the start-up check
    return guard


def public(reason: str) -> Guard:
    """The guard of a route that anybody may call; `reason` says why."""

    async def guard(_: Connection, __: BaseRouteHandler) -> None:
        return None

    guard.public = reason  # type: ignore[attr-defined]  # read by the start-up check
    return guard
