"""Queues over HTTP: `/api/queues`, and what is sent to them and received."""

import re
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter, SkipValidation

from orchestra.bus import PositionInvalid
from orchestra.bus.queues import descriptions, reading, showing
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import PeekState, QueueExists
from orchestra.bus.queues.showing import Document
from orchestra.bus.queues.waiting import Bell, Receiving, Waiting
from orchestra.bus.queues.watching import while_waiting
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import loads

Asking = Request[Any, Any, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Shelf = NamedDependency[SkipValidation[Queues]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Queues on a page.")]
PeekedState = Annotated[PeekState, QueryParameter(name="state", description="Which messages.")]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]
READ, SENDS = Permission.QUEUES_READ, Permission.QUEUES_SEND
OPERATES = Permission.QUEUES_OPERATE
_CURSOR = re.compile(r"[0-9]{1,4}\.[0-9]{1,15}")


async def hide_own(request: Asking) -> None:
    """The queues of our modules are nobody's business. Raises QueueUnknown."""
    reading.shown(request.path_params.get("name", ""))


class QueueRoutes(Controller):
    """Queues, and their messages."""

    path = "/api/queues"
    tags = ("queues",)
    before_request = hide_own

    @post("/", guards=[requires(OPERATES)], opt=descriptions.SAVE)
    async def save(
        self,
        request: Asking,
        principal: Caller,
        queues: Shelf,
        if_none_match: IfNoneMatch = None,
    ) -> Response[Document]:
        """Make a queue, or change the one of this name to exactly these options.

        With `If-None-Match: *` one that is there stays as it is (409).
        """
        name, options = reading.read_queue(loads(await request.body()))
        if if_none_match == "*":
            made = await queues.ensure(principal.tenant, name, options)
            if not made:
                raise QueueExists("a queue of this name is there")
        else:
            made = await queues.save(principal.tenant, name, options)
        shown = showing.queue(await queues.look(principal.tenant, name))
        headers = {"Location": f"/api/queues/{name}"} if made else {}
        return Response(shown, status_code=201 if made else 200, headers=headers)

    @get("/", guards=[requires(READ)], opt=descriptions.LIST)
    async def page(
        self,
        principal: Caller,
        queues: Shelf,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Queues by name, with how many messages are where."""
        names = [one for one in await queues.names(principal.tenant) if one > (cursor or "")]
        found = await queues.look_at(principal.tenant, names[:limit])
        return {
            "queues": [showing.queue(one) for one in found],
            "cursor": names[limit - 1] if len(names) > limit else None,
        }

    @get("/{name:str}", guards=[requires(READ)], opt=descriptions.ONE)
    async def one(self, name: FromPath[str], principal: Caller, queues: Shelf) -> Document:
        """One queue, with how many messages are where."""
        return showing.queue(await queues.look(principal.tenant, name))

    @patch("/{name:str}", guards=[requires(OPERATES)], opt=descriptions.CHANGE)
    async def change(
        self, request: Asking, name: FromPath[str], principal: Caller, queues: Shelf
    ) -> Document:
        """Change some options. They are for the messages that are there, too."""
        change = reading.read_change(loads(await request.body()))
        await queues.change(principal.tenant, name, change)
        return showing.queue(await queues.look(principal.tenant, name))

    @delete("/{name:str}", status_code=204, guards=[requires(OPERATES)], opt=descriptions.DROP)
    async def drop(
        self,
        name: FromPath[str],
        principal: Caller,
        queues: Shelf,
        purge: FromQuery[bool] = False,
    ) -> None:
        """Delete a queue; with `purge=true` also one with messages or dead letters in it."""
        await queues.drop(principal.tenant, name, purge=purge)

    @post("/{name:str}/messages", status_code=202, guards=[requires(SENDS)], opt=descriptions.SEND)
    async def send(
        self,
        request: Asking,
        name: FromPath[str],
        principal: Caller,
        queues: Shelf,
    ) -> Document:
        """Send one message, or up to 100. A queue that is not there is made, with defaults."""
        reading.read_name(name)
        messages = reading.read_messages(loads(await request.body()))
        queues.admit()
        return {"ids": await queues.send(principal.tenant, name, messages)}

    @get("/{name:str}/messages", guards=[requires(READ)], opt=descriptions.PEEK)
    async def peek(
        self,
        name: FromPath[str],
        principal: Caller,
        queues: Shelf,
        wanted: PeekedState = "ready",
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Look at messages without taking them: in line, as they are now."""
        at = place(cursor) or (0, 0)
        found, more = await queues.peek(principal.tenant, name, wanted, at, limit)
        return {"messages": [showing.peeked(one) for one in found], "cursor": cursor_of(more)}

    @post("/{name:str}/receive", status_code=200, guards=[requires(OPERATES)],
          opt=descriptions.RECEIVE)  # fmt: skip
    async def receive(
        self,
        request: Asking,
        name: FromPath[str],
        principal: Caller,
        waiting: NamedDependency[SkipValidation[Waiting]],
    ) -> Document:
        """Lease messages. With `wait_ms` it waits until there is one."""
        wish = reading.read_wish(loads(await request.body() or b"{}"))
        call = Receiving(principal.tenant, name, wish.most, wish.lease_ms)
        bell, wait_s = Bell(), wish.wait_ms / 1_000
        if wait_s:
            found = await while_waiting(request, bell, waiting, wait_s, call)
        else:
            found = await waiting.receive(bell, 0, lambda: False, call)
        return {"messages": [showing.received(one) for one in found]}

    @post("/{name:str}/ack", status_code=200, guards=[requires(OPERATES)], opt=descriptions.ACK)
    async def ack(
        self, request: Asking, name: FromPath[str], principal: Caller, queues: Shelf
    ) -> Document:
        """These messages are done."""
        given = reading.read_settling(loads(await request.body()))
        settled = await queues.settle(principal.tenant, name, given.receipts, "done")
        return showing.results(given.receipts, settled)

    @post("/{name:str}/nack", status_code=200, guards=[requires(OPERATES)], opt=descriptions.NACK)
    async def nack(
        self, request: Asking, name: FromPath[str], principal: Caller, queues: Shelf
    ) -> Document:
        """These failed: again after a while, or a dead letter when that was the last try."""
        given = reading.read_settling(loads(await request.body()), "delay_ms", "error")
        settled = await queues.settle(
            principal.tenant,
            name,
            given.receipts,
            "again",
            delay_ms=given.delay_ms,
            error=given.error,
        )
        return showing.results(given.receipts, settled)

    @post("/{name:str}/extend", status_code=200, guards=[requires(OPERATES)],
          opt=descriptions.EXTEND)  # fmt: skip
    async def extend(
        self, request: Asking, name: FromPath[str], principal: Caller, queues: Shelf
    ) -> Document:
        """These need longer: their leases end that long from now."""
        given = reading.read_settling(loads(await request.body()), "lease_ms")
        kept = await queues.extend(principal.tenant, name, given.receipts, given.lease_ms)
        return showing.results(given.receipts, kept)


def place(cursor: str | None) -> tuple[int, int] | None:
    """Where a page goes on: a part of the queue, and how far in it. Raises PositionInvalid."""
    if cursor is None:
        return None
    if not _CURSOR.fullmatch(cursor):
        raise PositionInvalid("this is no cursor of ours: begin without one")
    part, _, far = cursor.partition(".")
    return int(part), int(far)


def cursor_of(more: tuple[int, int] | None) -> str | None:
    """As a cursor."""
    return None if more is None else f"{more[0]}.{more[1]}"
