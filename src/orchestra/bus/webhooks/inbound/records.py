"""Inbound hooks: who may tell us, how that is proved, and what comes of it."""

from typing import Final, Literal

import msgspec

from orchestra.bus.webhooks.records import SigningKey
from orchestra.errors import Conflict, NotFound, TooMany, Unauthenticated, UnsupportedMedia
from orchestra.store.keys import Tenant

Scheme = Literal["standard-webhooks", "github", "slack", "stripe"]
State = Literal["active", "disabled"]

HOOKS_MAX: Final = 100
"""Inbound hooks a tenant may have."""
REFUSED: Final = "no hook here believes this request"


class HookUnknown(NotFound):
    """There is no inbound hook of this id."""


class HookMoved(Conflict):
    """Somebody else changed the hook since. Context: `revision`."""

    status = 412


class HookRefused(Unauthenticated):
    """Unknown, turned off, not signed, signed by somebody else, too old: one text for all."""


class HookTooFast(TooMany):
    """More requests than this hook may take. Context: `retry_after_ms`."""


class HookMedia(UnsupportedMedia):
    """Neither JSON nor a form."""


class Signal(msgspec.Struct, frozen=True):
    """What a waiting step is told. `execution` may be `${input.…}`: a member of what comes."""

    execution: str
    name: str


class Target(msgspec.Struct, frozen=True):
    """What comes of it: a workflow starts, or a signal is sent; else there is only the event."""

    workflow: str | None = None
    signal: Signal | None = None


class Hook(msgspec.Struct, frozen=True):
    """An inbound hook. `headers` are passed on; `public`: believed without a signature."""

    id: str
    tenant: Tenant
    name: str
    target: Target = Target()
    scheme: Scheme = "standard-webhooks"
    public: bool = False
    headers: tuple[str, ...] = ()
    rate_per_s: int = 10
    state: State = "active"
    created_ms: int = 0
    updated_ms: int = 0
    revision: int = 1
    secrets: tuple[SigningKey, ...] = ()
