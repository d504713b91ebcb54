"""Queues and their messages: what this process asks of them."""

from collections.abc import Sequence
from typing import Final

from orchestra.bus.queues.calls import Calls, unknown
from orchestra.bus.queues.messages import Messages, Misplaced, Outcome
from orchestra.bus.queues.records import (
    BODY_MAX_BYTES,
    OWN,
    MessageTooLarge,
    Peeked,
    PeekState,
    Received,
    Sent,
)
from orchestra.bus.queues.shelf import Shelf
from orchestra.clock import Ids, Random
from orchestra.store.keys import Tenant

__all__ = ["Outcome", "Queues"]

_TRIES: Final = 4
"""A queue may be dropped, made, spread and gathered while somebody sends to it."""


class Queues:
    """The queues of all tenants. Whether one is spread is found out as it is used."""

    def __init__(self, calls: Calls, ids: Ids, chance: Random) -> None:
        self._shelf = shelf = Shelf(calls)
        self._messages = messages = Messages(calls, ids, chance)
        self.save, self.ensure, self.change = shelf.save, shelf.ensure, shelf.change
        self.drop, self.purge, self.parts = shelf.drop, shelf.purge, shelf.parts
        self.names, self.own_names = shelf.names, shelf.own_names
        self.look, self.look_at = shelf.look, shelf.look_at
        self.admit = calls.store.admit
        self.settle, self.extend = messages.settle, messages.extend

    async def send(self, tenant: Tenant, name: str, messages: Sequence[Sent]) -> list[str]:
        """Their ids. A queue that is not there is made.

        All of them or none; of a batch over several groups of a spread queue some may be sent
        when the store fails meanwhile. Raises MessageTooLarge, QueueFull, QueuesExhausted,
        StoreFull.
        """
        most = BODY_MAX_BYTES * (2 if name.startswith(OWN) else 1)  # an event and what to do
        if any(len(bytes(one.body)) > most for one in messages):
            raise MessageTooLarge(
                "the body of a message has at most 256 KiB", limit_bytes=BODY_MAX_BYTES
            )
        for _ in range(_TRIES):
            try:
                return await self._messages.send(tenant, name, messages)
            except Misplaced:
                if not await self._shelf.find(tenant, name):
                    await self._shelf.ensure(tenant, name)
        raise unknown()

    async def receive(
        self, tenant: Tenant, name: str, most: int, lease_ms: int | None
    ) -> tuple[list[Received], int | None]:
        """Lease what is ready; and in how many ms more may be, if that is known.

        Raises QueueUnknown.
        """
        for _ in range(_TRIES):
            try:
                return await self._messages.receive(tenant, name, most, lease_ms)
            except Misplaced:
                if not await self._shelf.find(tenant, name):
                    break
        raise unknown()

    async def peek(
        self, tenant: Tenant, name: str, state: PeekState, at: tuple[int, int], most: int
    ) -> tuple[list[Peeked], tuple[int, int] | None]:
        """Messages in line, from a part and a place in it on, none taken; and where to go on.

        Raises QueueUnknown.
        """
        found: list[Peeked] = []
        parts, (index, passed) = await self._shelf.parts(tenant, name), at
        while index < len(parts):
            room = most - len(found)
            more, cut = await self._messages.peek(parts[index], state, passed, room + 1)
            found += more[:room]
            if cut or len(more) > room:
                return found, (index, passed + min(len(more), room))
            index, passed = index + 1, 0
        return found, None
