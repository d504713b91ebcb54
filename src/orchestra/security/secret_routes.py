"""Secrets over HTTP: `/api/secrets`. They go in, and never come out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, Router, delete, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from orchestra.described import Answer, described
from orchestra.instants import instant
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import RequestInvalid, read_body
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.security.secret_wishes import SecretInvalid, Wish
from orchestra.security.secrets import (
    MASKED_FROM,
    Kept,
    MasterKeyMissing,
    Secrets,
    SecretsExhausted,
    SecretUnknown,
)
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

Caller = NamedDependency[SkipValidation[Principal]]
Vault = NamedDependency[SkipValidation[Secrets]]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

_WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)
_GUARDS: Final = [requires(Permission.SECRETS_WRITE)]


class SecretWarning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was accepted and may surprise."""

    pointer: str
    code: str
    message: str


class SecretShown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that is told of a secret."""

    name: str
    version: Annotated[int, Meta(description="Grows by one with each value.")]
    reference: Annotated[str, Meta(examples=["${secret:openai}"])]
    allowed_hosts: Annotated[
        tuple[str, ...], Meta(description="Where it may be sent; empty: anywhere.")
    ]
    description: str
    created_at: Instant
    updated_at: Instant
    updated_by: Annotated[str, Meta(description="The key, or `developer`.")]
    warnings: Annotated[tuple[SecretWarning, ...], Meta(description="Only when just set.")] = ()


class SecretPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the tenant, by name: at most 1,000."""

    items: tuple[SecretShown, ...]
    next_cursor: str | None


PUT: Final = described(
    {
        201: Answer("A new secret.", [SecretShown], ["Location"]),
        200: Answer("It has a new value.", [SecretShown], ["Location"]),
    },
    refusals=[
        *JSON_REFUSALS,
        RequestInvalid,
        SecretInvalid,
        SecretsExhausted,
        MasterKeyMissing,
        *_WRITES,
    ],
    body=Wish,
    examples={
        "a key of a model": {"value": "example-value", "allowed_hosts": ["api.openai.com"]},
    },
)
LIST: Final = described(
    {200: Answer("All of them, without values.", [SecretPage])},
    refusals=[MasterKeyMissing, StoreAway],
)
REMOVE: Final = described(
    {204: Answer("Forgotten.")}, refusals=[SecretUnknown, MasterKeyMissing, *_WRITES]
)


class SecretRoutes(Controller):
    """Set, list, remove. There is no way to read a value."""

    path = "/api/secrets"
    tags = ("secrets",)

    @put("/{name:str}", status_code=201, guards=_GUARDS, opt=PUT)
    async def write(
        self,
        request: Request[Any, Any, Any],
        name: FromPath[str],
        principal: Caller,
        secrets: Vault,
    ) -> Response[SecretShown]:
        """Set a secret: a new one, or a new value for the one of this name."""
        wish = read_body(await request.body(), Wish)
        kept, new = await secrets.put(principal.tenant, name, wish, principal.actor)
        shown = msgspec.structs.replace(shown_secret(name, kept), warnings=warnings(wish))
        location = {"Location": f"/api/secrets/{name}"}
        return Response(shown, status_code=201 if new else 200, headers=location)

    @get("/", guards=_GUARDS, opt=LIST)
    async def page(self, principal: Caller, secrets: Vault) -> SecretPage:
        """The secrets: names, versions, hosts, when and by whom; never values."""
        found = await secrets.of_tenant(principal.tenant)
        return SecretPage(tuple(shown_secret(name, kept) for name, kept in found.items()), None)

    @delete("/{name:str}", status_code=204, guards=_GUARDS, opt=REMOVE)
    async def remove(self, name: FromPath[str], principal: Caller, secrets: Vault) -> None:
        """Forget a secret. Agents that refer to it cannot be called until it is set again."""
        await secrets.remove(principal.tenant, name, principal.actor)


class SecretsModule:
    """The routes, and the check that this process has the master key of the installation."""

    name = "secrets"

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        provide = Provide(lambda: secrets, sync_to_thread=False)
        router = Router("/", route_handlers=[SecretRoutes], dependencies={"secrets": provide})
        self.routes: Sequence[ControllerRouterHandler] = (router,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Raises MasterKeyDiffers at the start."""
        await self._secrets.check_master_key()
        yield

    async def quiesce(self) -> None:
        """Nothing to wait for."""

    async def check(self) -> None:
        """Well, as long as the store is."""


def shown_secret(name: str, kept: Kept) -> SecretShown:
    """What may be told."""
    return SecretShown(
        name=name,
        version=kept.version,
        reference="${secret:" + name + "}",
        allowed_hosts=kept.allowed_hosts,
        description=kept.description,
        created_at=instant(kept.created_at),
        updated_at=instant(kept.updated_at),
        updated_by=kept.updated_by,
    )


def warnings(wish: Wish) -> tuple[SecretWarning, ...]:
    """What is accepted and may surprise."""
    found: list[SecretWarning] = []
    if not wish.allowed_hosts:
        told = "it may be sent to any host: whoever registers agents can send it anywhere"
        found.append(SecretWarning("/allowed_hosts", "any_host", told))
    if len(wish.value) < MASKED_FROM:
        told = f"shorter than {MASKED_FROM} characters: not looked for in logs and answers"
        found.append(SecretWarning("/value", "not_masked", told))
    return tuple(found)
