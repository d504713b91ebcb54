"""Subscriptions over HTTP: `/api/events/subscriptions`."""

from typing import Any

from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from orchestra.bus import Event, Gap, cloudevents, documents
from orchestra.bus.patterns import is_pattern
from orchestra.bus.readers import descriptions
from orchestra.bus.readers.records import Definition
from orchestra.bus.readers.subscriptions import Subscriptions
from orchestra.clock import Clock
from orchestra.errors import Invalid, Problem
from orchestra.instants import instant
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import read_body

Caller = NamedDependency[SkipValidation[Principal]]
Subs = NamedDependency[SkipValidation[Subscriptions]]
Asked = Request[Any, Any, Any]
Document = dict[str, Any]

_READS = [requires(Permission.EVENTS_READ)]
_SUBSCRIBES = [requires(Permission.EVENTS_SUBSCRIBE)]


class SubscriptionRoutes(Controller):
    """Durable readers for clients outside: pull, handle, acknowledge."""

    path = "/api/events"
    tags = ("events",)

    @post("/subscriptions", status_code=201, guards=_SUBSCRIBES, opt=descriptions.CREATE)
    async def create(
        self,
        request: Asked,
        principal: Caller,
        subscriptions: Subs,
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Document:
        """Make a subscription. The same again changes nothing."""
        body = read_body(await request.body(), documents.SubscriptionBody)
        check(body.event_filter)
        wanted = body.event_filter
        definition = Definition(
            clock.now_ms(),
            body.start,
            tuple(wanted.event_types),
            tuple(wanted.sources),
            tuple(wanted.keys),
        )
        kept = await subscriptions.create(principal.tenant, body.name, definition)
        return shown(body.name, kept)

    @get("/subscriptions", guards=_READS, opt=descriptions.LIST)
    async def page(self, principal: Caller, subscriptions: Subs) -> Document:
        """All subscriptions, by name."""
        found = await subscriptions.all(principal.tenant)
        return {"subscriptions": [shown(*one) for one in found]}

    @get("/subscriptions/{name:str}", guards=_READS, opt=descriptions.ONE)
    async def one(
        self,
        name: FromPath[str],
        principal: Caller,
        subscriptions: Subs,
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Document:
        """One subscription, and how far it is behind."""
        definition, lag = await subscriptions.one(principal.tenant, name)
        oldest = lag.oldest_at_ms
        behind = {
            "events": lag.events,
            "more": lag.more,
            "oldest_at": None if oldest is None else instant(oldest),
            "oldest_age_ms": None if oldest is None else max(0, clock.now_ms() - oldest),
        }
        return shown(name, definition) | {"lag": behind}

    @delete("/subscriptions/{name:str}", guards=_SUBSCRIBES, opt=descriptions.REMOVE)
    async def remove(self, name: FromPath[str], principal: Caller, subscriptions: Subs) -> None:
        """Remove a subscription, and where it was."""
        await subscriptions.remove(principal.tenant, name)

    @post(
        "/subscriptions/{name:str}/pull",
        status_code=200,
        guards=_SUBSCRIBES,
        opt=descriptions.PULL,
    )
    async def pull(
        self, request: Asked, name: FromPath[str], principal: Caller, subscriptions: Subs
    ) -> Document:
        """Take the next events. Until they are acknowledged, for 30 s, nobody is given others."""
        body = read_body(await request.body(), documents.PullBody)
        pulled = await subscriptions.pull(principal.tenant, name, body.max, body.wait_ms / 1_000)
        return {
            "events": [cloudevents.shown(one) for one in pulled.told if isinstance(one, Event)],
            "cursor": pulled.token,
            "gaps": [
                {"from": instant(one.from_ms), "to": instant(one.to_ms)}
                for one in pulled.told
                if isinstance(one, Gap)
            ],
        }

    @post(
        "/subscriptions/{name:str}/ack", status_code=200, guards=_SUBSCRIBES, opt=descriptions.ACK
    )
    async def ack(
        self, request: Asked, name: FromPath[str], principal: Caller, subscriptions: Subs
    ) -> Document:
        """All events of a pull are handled: go on behind them. Safe to repeat."""
        body = read_body(await request.body(), documents.AckBody)
        await subscriptions.ack(principal.tenant, name, body.cursor)
        return {"acknowledged": True}


def check(wanted: documents.EventFilter) -> None:
    """Raises Invalid with every pattern that is none."""
    found = [
        Problem(f"/event_filter/event_types/{i}", "bad_pattern", "is like step.*, order.** or **")
        for i, pattern in enumerate(wanted.event_types)
        if not is_pattern(pattern)
    ]
    if found:
        raise Invalid("the filter is wrong", found)


def shown(name: str, definition: Definition) -> Document:
    """A subscription as its document."""
    return {
        "name": name,
        "event_filter": {
            "event_types": definition.types,
            "sources": definition.sources,
            "keys": definition.keys,
        },
        "start": definition.start,
        "created_at": instant(definition.created_ms),
    }
