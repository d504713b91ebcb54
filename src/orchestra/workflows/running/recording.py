"""Writes what became of a claim: one script, repeated until the store has answered."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from orchestra.agents import TaskError
from orchestra.retry import Backoff
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Record, Work
from orchestra.workflows.planning.failing import Completion, Failure, failed
from orchestra.workflows.planning.framing import pack
from orchestra.workflows.ports import SCRIPTS
from orchestra.workflows.running.claims import Around, Claimed, Listener, claims_in
from orchestra.workflows.running.memory import INLINE_MAX

log = structlog.get_logger(__name__)

RESULT_MAX = 1024 * 1024
STICKY = 32
_ENDS = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
_REPEAT = Backoff(initial_ms=50, max_ms=1_000, jitter="equal")
_begin, _complete = SCRIPTS["step_begin"], SCRIPTS["step_complete"]
_release, _blob_put = SCRIPTS["step_release"], SCRIPTS["blob_put"]
_keep = SCRIPTS["request_keep"]


class Recorder:
    """The writing half of a worker."""

    def __init__(self, around: Around, listener: Listener) -> None:
        self._a, self._listener = around, listener

    async def insist(self, call: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Any:
        """The same call until the store answers. It ends with the session, at the latest."""
        tried = 0
        while True:
            try:
                return await call(*args, **named)
            except (StoreAway, NotReplicated):
                tried += 1
                wait_ms = _REPEAT.delay_ms(tried, self._a.chance.random)
                await self._a.clock.sleep(wait_ms / 1_000)

    async def begun(self, claimed: Claimed, undo: str) -> bool:
        """Intent before effect. False: it is not ours any more, or not wanted."""
        reply = await self.insist(
            self._a.store.run, _begin, self._a.store.prefix(claimed.tag),
            item=claimed.item, token=claimed.token, undo=undo, once="0", child="",
        )  # fmt: skip
        if reply[0] == 2:
            await self.back(claimed, stopped=0)
        elif reply[0] == 0:
            log.warning("step.abandoned")
        return bool(reply[0] == 1)

    async def kept(self, claimed: Claimed, request: Json) -> Json:
        """The request as the first attempt rendered it (R41)."""
        reply = await self.insist(
            self._a.store.run, _keep, self._a.store.prefix(claimed.tag),
            item=claimed.item, request=msgspec.json.encode(request),
        )  # fmt: skip
        return msgspec.json.decode(reply)

    async def back(self, claimed: Claimed, stopped: int) -> None:
        """Hand a claim back."""
        again = False

        async def once() -> Any:
            nonlocal again
            try:
                return await self._a.store.run(
                    _release, self._a.store.prefix(claimed.tag),
                    item=claimed.item, token=claimed.token, stopped=stopped,
                )  # fmt: skip
            except (StoreAway, NotReplicated):
                again = True
                raise

        reply = await self.insist(once)
        if reply[0] == 0 and not again:  # else it may have been handed back before
            log.warning("step.abandoned")

    async def record(self, claimed: Claimed, work: Work, made: Completion) -> list[Claimed]:
        a, prefix = self._a, self._a.store.prefix(claimed.tag)
        claim = work.claim
        framed = await self._framed(claimed, work, made)
        saturated = "".join(f"\n-{name}" for name in a.agents.saturated())
        may_claim = not a.hands.closed and not a.lease.fenced(claimed.tag)
        sticky = min(STICKY, a.hands.free + 1) if may_claim else 0
        # Whatever it would go on with: it fails when nothing may follow any more.
        told = _told(made.record) if made.out in "CFYHO" else ""
        again = False

        async def once() -> Any:
            nonlocal again
            try:
                return await a.store.run(
                    _complete, prefix, item=claimed.item, token=claimed.token, out=made.out,
                    record=framed, sticky=sticky, max=0, queues="*" + saturated,
                    delay_ms=made.delay_ms, bump=made.bump, end=made.end, escalate=made.escalate,
                    undo=made.undo, succ=made.succ, spawn=made.spawn, emit=made.emit,
                    vars=made.vars, told=told,
                )  # fmt: skip
            except StoreAway:
                again = True
                raise

        reply = await self.insist(once)
        if again:
            self._listener.suspect(claimed.tag)
        if reply[0] == 0:
            a.memory.forget(claim.execution)
            log.warning("step.late_result")
            return []
        if made.out in "CFS" and claim.path[0] != "~":
            a.memory.keep(claim.execution, claim.path, made.record, len(framed))
        if reply[0] == 2:
            return []
        if made.delay_ms:
            self._listener.timer_set(claimed.tag, made.delay_ms)
        state = reply[1].decode()
        if len(state) > 1:
            a.memory.facts(claim.execution).end = (state[0], int(state[1:]))
            self._listener.ended(claim.execution)
            # A completed one is what everybody expects; a thousand a second would be noise.
            tell = log.debug if state[0] == "D" else log.warning
            tell("execution.ended", status=_ENDS[state[0]])
        return claims_in(claimed.tag, reply, 2)

    async def _framed(self, claimed: Claimed, work: Work, made: Completion) -> bytes:
        """The record as it is stored; a large one goes into a blob first."""
        if made.out == "Y":  # the script records it as failed when nothing may follow any more
            return pack({**made.record, "status": "failed"})
        framed = pack(made.record)
        if len(framed) <= INLINE_MAX:
            return framed
        if len(framed) > RESULT_MAX:
            _shorten(work, made)
            framed = pack(made.record)
            if len(framed) <= INLINE_MAX:
                return framed
        name = await self.insist(
            self._a.store.run, _blob_put, self._a.store.prefix(claimed.tag),
            item=claimed.item, token=claimed.token, bytes=framed,
        )  # fmt: skip
        kept = (
            "status",
            "agent",
            "attempts",
            "started_ms",
            "ended_ms",
            "reason",
            "case",
            "try",
            "handler",
        )
        small = {k: made.record[k] for k in kept if k in made.record}
        return pack({**small, "blob": name.decode() if isinstance(name, bytes) else ""})


def _told(record: Record) -> str:
    """What the journal says of a step that is done; `history/figures.py` reads it."""
    ran_ms = max(0, record.get("ended_ms", 0) - record.get("started_ms", 0))
    agent = record.get("agent")
    usage: dict[str, Any] = record.get("usage") or {}
    if agent is None and not usage:
        return f"\t\t{ran_ms}" if "ended_ms" in record else ""
    micro = round((usage.get("cost_usd") or 0) * 1_000_000)
    tokens = f"{usage.get('input_tokens', 0)}\t{usage.get('output_tokens', 0)}"
    # The first columns of a line are names: no tab may be in one.
    name = str(agent or "").replace("\t", " ")
    return f"{name}\t{record.get('queued_ms', 0)}\t{ran_ms}\t{tokens}\t{micro}"


def _shorten(work: Work, made: Completion) -> None:
    """A record over the limit: its step failed, and what follows a failure follows (R21)."""
    record = {name: value for name, value in made.record.items() if name != "output"}
    if len(msgspec.json.encode(record)) > INLINE_MAX:
        record.pop("input", None)
    made.record = record
    if made.out == "C" and work.claim.path[0] != "~":
        message = f"the record of the step is over {RESULT_MAX} bytes"
        over = failed(work, Failure(TaskError("agent.too_large", message, definite=False), record))
        for name in Completion.__slots__:
            setattr(made, name, getattr(over, name))
