"""Executions as callers see them: read, listed, waited for, and controlled."""

from collections.abc import Mapping
from typing import Annotated

import anyio
import msgspec
from msgspec import Meta

from orchestra.clock import Clock
from orchestra.errors import Conflict, Invalid, NotFound, Problem
from orchestra.store import keys
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history import attempts, chronicle, retrying, showing
from orchestra.workflows.history.insisting import insist
from orchestra.workflows.history.reader import NoSuchExecution, Reader
from orchestra.workflows.history.stored import OVER, STATES, Stored
from orchestra.workflows.language.definition import Json
from orchestra.workflows.ports import Partitions
from orchestra.workflows.running.engine import WAIT_POLL_S, Engine

STEPS_PAGE = 200
LOGS_PAGE = 1_000


class NoSuchStep(NotFound):
    """The execution has no such step."""


class WrongState(Conflict):
    """Not possible in this state. Context: `execution_status`, `allowed`."""


_ALLOWED = {
    "N": ("pause", "cancel", "rollback"),
    "R": ("pause", "cancel", "rollback"),
    "P": ("resume", "cancel", "rollback"),
    "B": (),
    "Z": (),
    "D": ("rollback",),
    "F": ("retry", "rollback"),
    "C": ("rollback",),
    "L": (),
}


def possible(verb: str, status: str) -> bool:
    """Whether an execution of this status can be steered so."""
    return any(verb in _ALLOWED[letter] for letter, name in STATES.items() if name == status)


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a control verb. `mode` is for pause, `skip` for rollback."""

    mode: Annotated[
        str | None,
        Meta(
            description="`drain` lets running attempts end; `interrupt` runs them again, later.",
            extra_json_schema={"enum": ["drain", "interrupt", None]},
        ),
    ] = None
    reason: Annotated[str | None, Meta(description="For the history, at most 500 are kept.")] = None
    skip: Annotated[bool, Meta(description="Pass over the step whose undoing failed.")] = False


class Executions:
    """Reads and steers executions; the engine moves them."""

    def __init__(
        self, store: Partitions, reader: Reader, catalogue: Catalogue, engine: Engine, clock: Clock
    ) -> None:
        self._store, self._reader, self._catalogue = store, reader, catalogue
        self._engine, self._clock, self.durability = engine, clock, reader.durability

    # reading

    async def status(self, tenant: Tenant, execution: str) -> dict[str, Json]:
        """The document of `/status`."""
        stored = await self._reader.read(tenant, execution)
        if stored.tries_again:
            for path, failed in chronicle.last_failures(await self._reader.lines(stored)).items():
                stored.recall(path, failed)
        return showing.status(stored)

    async def wait(self, tenant: Tenant, execution: str, seconds: float) -> dict[str, Json]:
        """As `status`, as soon as it ended, the time is over, or this replica stops."""
        end = self._clock.monotonic() + seconds
        while not self._engine.remembers_end(execution) and not self._engine.drained:
            left_s = end - self._clock.monotonic()
            if left_s > 2 * WAIT_POLL_S:  # the clock of all who wait will do
                await self._engine.waited(execution)
            else:
                with anyio.move_on_after(left_s):
                    await self._engine.waited(execution)
            if self._clock.monotonic() >= end or await self._over(execution):
                break
        remembered = await self._remembered(tenant, execution)
        return showing.status(remembered or await self._reader.read(tenant, execution))

    async def _remembered(self, tenant: Tenant, execution: str) -> Stored | None:
        """An execution that ran and ended here, without asking the store; None when in doubt."""
        facts = self._engine.facts(execution)
        if facts.end is None or facts.envelope is None or facts.end[0] != "D" or not facts.digest:
            return None
        plan = await self._catalogue.plan(facts.digest)
        paths = [node.path for node in plan.body.nodes]
        if any(node.opens for node in plan.nodes.values()) or not facts.has(paths):
            return None
        ended = str(facts.end[1]).encode()
        state = {"@s": b"D", "@t": tenant.encode(), "@f": ended} | dict.fromkeys(paths, b"c")
        return Stored(
            execution, plan, state, {}, {}, now_ms=self._clock.now_ms(),
            durability=self.durability, known=(facts.envelope, facts.records),
        )  # fmt: skip

    async def _over(self, execution: str) -> bool:
        prefix = self._store.prefix(self._reader.tag(execution))
        state = await self._store.read(prefix, "HGET", keys.state(prefix, execution), "@s")
        return state is None or state.decode() in OVER

    async def state(self, tenant: Tenant, execution: str) -> str | None:
        """Its status alone; None when there is no such execution."""
        try:
            prefix = self._store.prefix(self._reader.tag(execution))
            key = keys.state(prefix, execution)
            letter, whose = await self._store.read(prefix, "HMGET", key, "@s", "@t")
            if letter is None:  # it is in its archive
                return STATES[(await self._reader.read(tenant, execution)).letter]
        except NoSuchExecution:
            return None
        return STATES[letter.decode()] if whose == tenant.encode() else None

    async def step(self, tenant: Tenant, execution: str, path: str) -> dict[str, Json]:
        """One step, whole. Raises NoSuchStep."""
        stored = await self._reader.read(tenant, execution)
        if path.removeprefix("~") not in stored.plan.nodes:
            raise NoSuchStep("the execution has no such step")
        shown = showing.step(stored, path, whole=True)
        lines = await self._reader.lines(stored)
        mine = [line for line in lines if line.path == path]
        shown["history"] = list(chronicle.logs(stored, mine, self._reader.tag(execution)))
        record, over = stored.record(path), stored.letter in OVER
        shown["tries"] = list(attempts.shown(mine, record, over=over))
        shown["waits_on"] = _waits_on(stored, path)
        if shown["status"] == "ready":
            shown["line"] = await self._reader.line(stored, path)
        elif shown["status"] == "retrying":
            shown["next_at"] = await self._reader.due(stored, path)
        return shown

    async def steps(
        self, tenant: Tenant, execution: str, prefix: str, after: str | None, limit: int
    ) -> dict[str, Json]:
        """Steps whose path begins with `prefix`, page by page."""
        stored = await self._reader.read(tenant, execution)
        paths = [n.path for n in showing.shown_nodes(stored) if n.path.startswith(prefix)]
        paths += [path for path in stored.nested if path[:1] == "~" and path.startswith(prefix)]
        if after is not None:
            if after not in paths:
                raise _not_a_cursor("/query/cursor")
            paths = paths[paths.index(after) :]
        page = [showing.step(stored, path) for path in paths[:limit]]
        return {"items": page, "next_cursor": paths[limit] if len(paths) > limit else None}

    async def logs(
        self, tenant: Tenant, execution: str, want: Mapping[str, str | None], limit: int
    ) -> dict[str, Json]:
        """The document of `/logs`. `want`: level, step, attempt, q, after."""
        if not (want.get("after") or "evt_").startswith("evt_"):
            raise _not_a_cursor("/query/after")
        stored = await self._reader.read(tenant, execution)
        tag = self._reader.tag(execution)
        lines = await self._reader.lines(stored)
        found = [item for item in chronicle.logs(stored, lines, tag) if _wanted(item, want)]
        found = found[::-1] if want.get("order") == "desc" else found
        more = found[limit - 1]["id"] if len(found) > limit else None
        return {"execution_id": execution, "logs": found[:limit], "next_cursor": more}

    async def history(
        self, tenant: Tenant, execution: str, after: int, limit: int, *, newest: bool = False
    ) -> dict[str, Json]:
        """The document of `/history`; `after` is the last `seq` seen. `newest`: these first."""
        stored = await self._reader.read(tenant, execution)
        rest = await self._reader.window(stored, after, limit + 1, newest=newest)
        items = list(chronicle.history(stored, rest[:limit]))
        more = rest[limit - 1].seq if len(rest) > limit else None
        return {"execution_id": execution, "items": items, "next_cursor": more}

    # steering

    async def control(
        self, tenant: Tenant, execution: str, op: str, body: Control, actor: str
    ) -> dict[str, Json]:
        """pause, resume, cancel, rollback or retry. Asked again, the same answer.

        Raises NoSuchExecution, WrongState, Invalid, StoreAway.
        """
        stored = await self._reader.read(tenant, execution)
        script_op, otherwise, steps, deadline = op, "", "", 0
        if body.mode not in (None, "drain", "interrupt"):
            message = 'mode is "drain" or "interrupt"'
            finding = {"pointer": "/mode", "code": "field.range", "message": message}
            raise Invalid("the request is not valid", [finding])
        if op == "pause" and body.mode == "interrupt":
            script_op = "interrupt"
        if op == "rollback" and body.skip:
            script_op = "skip_undo"
        if op == "cancel" and stored.plan.on_cancel == "rollback":
            script_op, otherwise = "rollback", "C"
        if op == "retry" and stored.letter == "F" and stored.state.get("@z", b"")[:1] == b"~":
            detail = "a rollback that stopped half way is gone on with, by rollback: retry cannot"
            raise WrongState(detail, execution_status="failed", allowed=["rollback"])
        if op == "retry":
            steps, deadline = retrying.lines(stored), stored.plan.definition.timeout_ms
        reason = " ".join((body.reason or "").split())[:500]
        reply = await insist(
            self._store, "execution_control", self._reader.tag(execution),
            eid=execution, tenant=tenant, op=script_op, steps=steps,
            generation="", otherwise=otherwise, actor=f"{actor}\t{reason}", deadline_ms=deadline,
        )  # fmt: skip
        if reply[0] == -1:
            raise NoSuchExecution("no execution of this id")
        state = reply[1].decode()
        if reply[0] == 0:
            raise _wrong_state(op, state)
        if reply[0] == 1:
            self._engine.steered(self._reader.tag(execution), execution, op)
        return {"id": execution, "execution_id": execution, "status": STATES[state]}


def _waits_on(stored: Stored, path: str) -> list[Json]:
    """Steps that have to be done before this one may begin."""
    node = stored.plan.nodes[path.removeprefix("~")]
    if path[0] == "~" or stored.status(path) != "waiting":
        return []
    before = (*node.joins, *node.waits)
    return [one for one in before if stored.mark(one) not in ("c", "f", "s", "k")]


def _wrong_state(op: str, state: str) -> WrongState:
    shown, allowed = STATES[state], [name for name in _ALLOWED[state] if name != op]
    if op in _ALLOWED[state]:
        detail = f"{op} has to wait: attempts that were stopped are still ending"
        return WrongState(detail, execution_status=shown, allowed=allowed, retry_after_ms=1_000)
    return WrongState(
        f"an execution that is {shown} cannot {op}", execution_status=shown, allowed=allowed
    )


def _not_a_cursor(pointer: str) -> Invalid:
    finding = Problem(pointer, "field.range", "not a cursor of this list")
    return Invalid("the query is not valid", [finding])


def _wanted(item: dict[str, Json], want: Mapping[str, str | None]) -> bool:
    level, step, attempt = want.get("level"), want.get("step"), want.get("attempt")
    after, text = want.get("after"), want.get("q")
    order = ("debug", "info", "warning", "error")
    if level in order and order.index(item["level"]) < order.index(level):
        return False
    if (step and item["step"] != step) or (attempt and str(item["attempt"]) != attempt):
        return False
    if after and item["id"] == after:
        return False
    if after and (item["id"] > after) == (want.get("order") == "desc"):
        return False
    return not text or text.lower() in msgspec.json.encode(item).decode().lower()
