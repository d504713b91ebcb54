"""Attempts that are answered later, as the store keeps them: who may say what, and who waits.

A lease proves which attempt somebody speaks for. The store decides: the first result counts, and
whoever was given up, lost or superseded is told so. Repeats are harmless.
"""

from collections.abc import Sequence
from typing import Any, Literal

import anyio
import msgspec
import structlog

from orchestra.agents.tasks.mailroom import Mailroom, Waiter
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

KEEP_MS = 900_000
CLOSE_S = 1.0
QUEUED_MAX = 1_000

Verdict = Literal["ok", "repeat", "done", "cancel", "lost", "superseded", "refused", "gone"]


class Held(msgspec.Struct, frozen=True):
    """Where an attempt is kept, and what proves it."""

    place: str
    task: str
    lease: str
    fence: int


class Taken(msgspec.Struct, frozen=True):
    """A task that a worker took out of a queue."""

    task: str
    lease: str
    left_ms: int
    envelope: bytes


class Attempts:
    """The attempts in the store. Every method raises StoreAway and its like."""

    def __init__(self, store: Store, mail: Mailroom, session: str) -> None:
        self._store, self.mail, self._session = store, mail, session
        self._scripts = load_scripts("orchestra.agents")

    async def offer(
        self, held: Held, agent_id: str, bounds: tuple[int, int], envelope: bytes
    ) -> tuple[Waiter, str] | None:
        """Put it into the queue of the agent; None when that is full. Says where a worker polls.

        `bounds`: milliseconds until its deadline, and its rank, 0 to 15, lower first.
        """
        waiter = self.mail.expect(held.place, held.lease)
        try:
            answer, figure = await self._run(
                "task_offer",
                held,
                agent=agent_id,
                session=self._session,
                fence=held.fence,
                left_ms=bounds[0],
                rank=bounds[1],
                envelope=envelope,
                most=QUEUED_MAX,
            )
        except BaseException:
            await self.withdraw(held)
            raise
        if answer == b"ok":
            return waiter, figure.decode()
        self.mail.forget(held.place, held.lease)
        return None

    async def expect(self, held: Held) -> Waiter:
        """It will be answered by whoever shows the lease."""
        waiter = self.mail.expect(held.place, held.lease)
        try:
            await self._run(
                "task_expect", held, session=self._session, fence=held.fence, keep_ms=KEEP_MS
            )
        except BaseException:
            await self.withdraw(held)
            raise
        return waiter

    async def poll(
        self, place: str, agent_id: str, slots: int, life_ms: int, wait_ms: int
    ) -> list[Taken] | None:
        """Take tasks for a worker; None when the pool does not know the agent."""
        answer: Sequence[Any] = await self._store.run(
            self._scripts["task_poll"],
            place,
            agent=agent_id,
            slots=slots,
            lease_ms=life_ms,
            alive_ms=life_ms,
            session=self._session,
            wait_ms=wait_ms,
        )
        if answer[0] != b"ok":
            return None
        return [
            Taken(task.decode(), lease.decode(), int(left), envelope)
            for task, lease, left, envelope in answer[1:]
        ]

    async def beat(
        self,
        held: Held,
        frame: bytes,
        *,
        seq: int | None = None,
        lease_ms: int = 0,
        leaving: bool = False,
    ) -> Verdict:
        """Whoever does it lives; `frame` is shown to whoever looks on.

        `leaving`: these are the worker's last tasks, so its agent is not heard for longer.
        """
        return await self._said(
            "task_beat",
            held,
            fence=held.fence,
            seq="" if seq is None else seq,
            lease_ms=lease_ms,
            keep_ms=KEEP_MS,
            frame=frame,
            lives=int(not leaving),
        )

    async def end(self, held: Held, result: bytes, seq: int | None = None) -> Verdict:
        """The result of it."""
        number = "" if seq is None else seq
        return await self._said("task_end", held, fence=held.fence, seq=number, result=result)

    async def withdraw(self, held: Held, *, idle: bool = False) -> str:
        """Nobody waits for it. Returns its state before, '' when that is not known.

        `idle`: only when no worker came for it and none polls; else 'k'. Raises nothing.
        """
        state = ""
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + CLOSE_S):
            try:
                state = (await self._run("task_withdraw", held, idle=int(idle))).decode()
            except OrchestraError as away:
                log.debug("attempt.not_withdrawn", error=away.code)
        if state not in ("k", "d", "l"):  # then there is mail to come
            self.mail.forget(held.place, held.lease)
        return state

    async def _said(self, name: str, held: Held, **args: bytes | str | int) -> Verdict:
        answer = await self._run(name, held, **args)
        if len(answer) > 1:
            await self.mail.tell(answer[1].decode(), held.place)
        return answer[0].decode()

    async def _run(self, name: str, held: Held, **args: bytes | str | int) -> Any:
        return await self._store.run(
            self._scripts[name], held.place, task=held.task, lease=held.lease, **args
        )
