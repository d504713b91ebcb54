"""Records of tasks that somebody asked for directly and did not stay to wait for.

They live in the partition that the last byte of the task's id names. Results stay 1 h; with an
`Idempotency-Key` 24 h. A record whose replica fell silent says that the task was lost.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Literal, get_args

import msgspec

from orchestra.agents import TaskError, TaskResult
from orchestra.clock import Clock, Ids
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.partitions import tag_number_of
from orchestra.store.scripts import load_scripts

State = Literal["running", "completed", "failed", "cancelled", "lost"]

HOUR_MS = 3_600_000
ALIVE_MS = 5_000
_STATES: dict[bytes, State] = {state.encode(): state for state in get_args(State)}
CLOSE_S = 4.0

_encode: Callable[[object], bytes] = msgspec.json.Encoder(enc_hook=str).encode


class Kept(msgspec.Struct, frozen=True):
    """What stays of a task that has ended. No `result`: it was cancelled."""

    result: TaskResult | None = None
    capability: str | None = None


class Record(msgspec.Struct, frozen=True):
    """One task."""

    task: str
    state: State
    session: str
    created_ms: int
    kept: Kept = Kept()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.state == "running"


LOST = Kept(
    TaskResult(
        error=TaskError("agent.lost", "the server that did the task is gone", definite=False)
    )
)


_decode = msgspec.json.Decoder(Kept).decode


class Begun(msgspec.Struct, frozen=True):
    """What beginning a task came to: `new`, the `same` that this key began, or an `other` body."""

    kind: Literal["new", "same", "other"]
    task: str


class Ledger:
    """The records in the store. Methods raise StoreAway and its like."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, session: str) -> None:
        self._store, self._clock, self._ids, self._session = store, clock, ids, session
        self._scripts = load_scripts("orchestra.agents")

    def task_id(self, tenant: Tenant, key: str) -> str:
        """A new id; with an idempotency key in the partition where the key is."""
        made = self._ids.new("tsk")
        return made[:-2] + _digest(tenant, key)[:2] if key else made

    async def begin(
        self, tenant: Tenant, task: str, at_ms: int, key: str = "", body: bytes = b""
    ) -> Begun:
        """Keep a record, once, of a task that was asked for then. Without a key it is new."""
        kind, known = await self._run(
            "task_begin",
            task,
            tenant=tenant,
            session=self._session,
            alive_ms=ALIVE_MS,
            key=_digest(tenant, key) if key else "",
            body=hashlib.sha256(body).hexdigest() if key else "",
            lives_ms=25 * HOUR_MS,
            at_ms=at_ms,
        )
        return Begun(kind.decode(), known.decode())

    async def keep(self, task: str) -> int:
        """It runs here: 1; 2 when somebody wants it cancelled; 0 when it is over."""
        return int(await self._run("task_keep", task, session=self._session, alive_ms=ALIVE_MS))

    async def close(self, task: str, state: State, kept: Kept, *, keyed: bool) -> None:
        """It has ended. Repeats until it is known to be written."""

        async def call() -> object:
            return await self._run(
                "task_close",
                task,
                session=self._session,
                state=state,
                result=_encode(kept),
                lives_ms=24 * HOUR_MS if keyed else HOUR_MS,
            )

        await self._store.insist(call, CLOSE_S)

    async def look(self, tenant: Tenant, task: str, *, stop: bool = False) -> Record | None:
        """How it stands; None for one that is not there. `stop`: ask for its end."""
        try:
            answer = await self._run(
                "task_look", task, tenant=tenant, stop=int(stop), lives_ms=HOUR_MS
            )
        except ValueError:
            return None
        if not answer:
            return None
        state, session, at_ms, said = answer
        kept = _decode(said) if said else LOST if state == b"lost" else Kept()
        return Record(task, _STATES[state], session.decode(), int(at_ms), kept)

    async def _run(self, name: str, task: str, **args: bytes | str | int) -> Any:
        place = self._store.prefix(tag_number_of(task))
        return await self._store.run(self._scripts[name], place, task=task, **args)


def _digest(tenant: Tenant, key: str) -> str:
    return hashlib.sha256(f"{tenant}|{key}".encode()).hexdigest()
