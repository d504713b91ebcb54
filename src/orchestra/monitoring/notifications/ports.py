"""What notifications need of others, who know nothing of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from orchestra.bus import Bus, Event
from orchestra.monitoring.notifications.records import Standing
from orchestra.store.keys import Tenant

Form = Literal["cloudevents", "slack"]


class Mail(msgspec.Struct, frozen=True):
    """A mail to one address, as it is put in the queue. `id` is the same on every try."""

    id: str
    tenant: Tenant
    contact: str
    name: str
    to: str
    subject: str
    text: str
    html: str
    notification: str


class Hooks(Protocol):
    """Endpoints among the webhooks that are told what we say, and of no events."""

    async def admit(self, url: str) -> None:
        """Whether it may be called. Raises DestinationNotAllowed."""
        ...

    async def keep(
        self, tenant: Tenant, name: str, url: str, form: Form, endpoint_id: str
    ) -> str | None:
        """Make it, or change it; the secret its receiver verifies with, when it is new."""
        ...

    async def secret(self, tenant: Tenant, endpoint_id: str) -> str | None:
        """What its receiver verifies with; None: there is none of this id."""
        ...

    async def drop(self, tenant: Tenant, endpoint_id: str) -> None:
        """Forget it. Safe to repeat."""
        ...

    async def tell(self, endpoint_id: str, event: Event) -> bool:
        """Put it in line, once for each id of an event; False: it is gone, or off."""
        ...

    async def tell_now(self, endpoint_id: str, event: Event) -> Mapping[str, Any]:
        """One attempt at once, and what came of it: `result status ms error detail`."""
        ...


MailNow = Callable[[Mail], Awaitable[Mapping[str, Any]]]
"""One try at once, and what came of it: `delivered status ms detail`."""

Firing = Callable[[Tenant], Awaitable[Mapping[str, Standing]]]
"""The alerts of a tenant that fire, by id. Raises StoreAway."""

Call = Callable[[str], Awaitable[int]]
"""Calls a URL of the operator's; the status of the answer. Raises OrchestraError, TimeoutError."""


class Ports(msgspec.Struct, frozen=True):
    """All of them."""

    bus: Bus
    hooks: Hooks
    mail_now: MailNow
    firing: Firing
    call: Call
    watchdog_url: str | None = None
