"""What workers and agents say about the tasks they do: polls, heartbeats, results, callbacks."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from orchestra.agents import AgentUnknown
from orchestra.agents.records import Agent
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registry.registry import Registry
from orchestra.agents.tasks.attempts import Attempts, Held, Verdict
from orchestra.agents.tasks.later import TOKEN as TASK_TOKEN
from orchestra.agents.tasks.later import StoreLater, from_path
from orchestra.agents.tasks.pull import Queues, agent_in, life_ms
from orchestra.agents.tasks.tokens import TOKEN as PULL_TOKEN
from orchestra.agents.tasks.tokens import PullTokens
from orchestra.errors import Conflict, Invalid, Problem, Unauthenticated
from orchestra.security import KEY_NEEDED, Principal
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant

Document = dict[str, object]

SLOTS_MAX = 100
WAIT_S = 25
WAIT_MAX_S = 60
SEQ_MAX = 1 << 53
STATUSES = ("running", "completed", "failed", "cancelled", "input_required")

_encode = msgspec.json.Encoder().encode


class LeaseLost(Conflict):
    """The lease is over: somebody else does the task by now, or nobody wants it any more."""


class AttemptSuperseded(Conflict):
    """A later attempt of the task was begun, or this one was given up."""


class NotPulled(Conflict):
    """Tasks are brought to this agent; it does not come for them."""


class ReportInvalid(Invalid):
    """What was said about the task is wrong."""


class Worker(msgspec.Struct, frozen=True):
    """Who speaks: for all agents of a tenant, or for one."""

    tenant: Tenant
    agent_id: str | None = None


class Workers:
    """The other side of pull agents, and of answers that come later."""

    def __init__(
        self,
        registry: Registry,
        queues: Queues,
        attempts: Attempts,
        later: StoreLater,
        tokens: PullTokens,
    ) -> None:
        self._registry, self._queues, self._attempts = registry, queues, attempts
        self._later, self._tokens = later, tokens

    async def worker(self, principal: object, authorization: str | None) -> Worker:
        """Who asks: somebody the route admits, or the token of one agent.

        Raises Unauthenticated, StoreAway.
        """
        if isinstance(principal, Principal):
            return Worker(principal.tenant)
        tenant, agent_id = await self._tokens.owner(bearer(authorization, PULL_TOKEN))
        return Worker(tenant, agent_id)

    async def welcome(self, tenant: Tenant, agent_id: str, *, new: bool) -> Document:
        """What the registration of a pull agent is answered with; the token is shown once."""
        shown: Document = {"poll_url": f"/api/agents/{agent_id}/poll"}
        if new:
            shown["token"] = await self._tokens.issue(tenant, agent_id)
        return shown

    async def poll(self, worker: Worker, name_or_id: str, body: bytes) -> list[Document]:
        """Tasks for a worker, at most as many as it has slots. Raises AgentUnknown."""
        fields = _read(body)
        slots = fields.whole("slots", 1, 0, SLOTS_MAX)
        wait_s = fields.whole("wait_s", WAIT_S, 0, WAIT_MAX_S)
        leaving = fields.flag("leaving")
        _refuse(fields)
        agent = await self._agent(worker, name_or_id)
        if agent.spec.provider != "pull":
            raise NotPulled("tasks are brought to this agent", provider=agent.spec.provider)
        if leaving:
            await self._queues.leave(agent)
            return []
        return await self._queues.poll(agent, slots, wait_s)

    async def heartbeat(self, worker: Worker, task: str, body: bytes) -> Document:
        """Whoever does it lives. Raises LeaseLost, AttemptSuperseded."""
        fields = _read(body)
        agent, held = await self._held(worker, task, fields)
        frame = frame_of(fields.body)
        lease_ms, leaving = life_ms(agent), fields.body.get("leaving") is True
        verdict = await self._attempts.beat(held, frame, lease_ms=lease_ms, leaving=leaving)
        if verdict in ("cancel", "done"):
            return {"extend_ms": 0, "cancel": verdict == "cancel"}
        _judge(verdict)
        return {"extend_ms": lease_ms, "cancel": False}

    async def complete(self, worker: Worker, task: str, body: bytes) -> Document:
        """It is done. Raises LeaseLost, AttemptSuperseded."""
        fields = _read(body)
        _, held = await self._held(worker, task, fields)
        result = {"output": fields.body.get("output"), "usage": fields.body.get("usage")}
        _judge(await self._attempts.end(held, _encode(result)))
        return {"status": "completed"}

    async def fail(self, worker: Worker, task: str, body: bytes) -> Document:
        """It cannot be done. Raises LeaseLost, AttemptSuperseded."""
        fields = _read(body)
        _, held = await self._held(worker, task, fields)
        result = {"error": fields.body.get("error"), "usage": fields.body.get("usage")}
        _judge(await self._attempts.end(held, _encode(result)))
        return {"status": "failed"}

    async def callback(self, task: str, authorization: str | None, body: bytes) -> Document:
        """An agent says later how it goes. Raises Unauthenticated, AttemptSuperseded."""
        token = bearer(authorization, TASK_TOKEN)
        fields = _read(body)
        fence = fields.whole("fence", 0, 0, SEQ_MAX)
        seq = fields.whole("seq", 0, 0, SEQ_MAX)
        status = fields.one_of("status", "", STATUSES)
        for name in ("fence", "seq", "status"):
            if not fields.has(name):
                fields.find(name, "missing_field", "this field is required")
        _refuse(fields)
        held = self._later.held(from_path(task), token, fence)
        if status == "running":
            verdict = await self._attempts.beat(held, frame_of(fields.body), seq=seq)
        else:
            verdict = await self._attempts.end(held, _encode(_ended(status, fields.body)), seq)
        if verdict in ("gone", "refused"):
            raise Unauthenticated("the token is not one of this task, or its time is over")
        if verdict not in ("ok", "repeat"):
            raise AttemptSuperseded("this attempt is over")
        return {"status": status}

    async def _agent(self, worker: Worker, name_or_id: str) -> Agent:
        """Raises AgentUnknown, also for an agent that the token is not for."""
        try:
            agent = self._registry.roster(worker.tenant).find(name_or_id)
        except AgentUnknown:
            await self._registry.refresh()
            agent = self._registry.roster(worker.tenant).find(name_or_id)
        if worker.agent_id not in (None, agent.id):
            raise AgentUnknown("no agent has this name or id")
        return agent

    async def _held(self, worker: Worker, task: str, fields: Fields) -> tuple[Agent, Held]:
        lease = fields.text("lease", most=256)
        fence = fields.whole("fence", 0, 0, SEQ_MAX)
        if not fields.has("fence"):
            fields.find("fence", "missing_field", "this field is required")
        _refuse(fields)
        try:
            agent = await self._agent(worker, agent_in(lease))
        except AgentUnknown:
            raise LeaseLost("the lease is not one of ours, or its agent is gone") from None
        return agent, Held(self._queues.place(agent), from_path(task), lease, fence)


def frame_of(body: Mapping[str, object]) -> bytes:
    """The text or progress in a heartbeat, as a frame; empty when there is none."""
    delta, progress = body.get("delta"), body.get("progress")
    if isinstance(delta, dict):
        delta = cast("dict[str, object]", delta).get("text")
    if isinstance(delta, str):
        return _encode({"event": "delta", "text": delta})
    if isinstance(progress, dict):
        return _encode(cast("dict[str, object]", progress) | {"event": "progress"})
    return b"" if progress is None else _encode({"event": "progress", "progress": progress})


def bearer(authorization: str | None, kind: str) -> str:
    """The token of this kind in a header. Raises Unauthenticated."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.startswith(kind) or len(token) > 256:
        raise Unauthenticated(KEY_NEEDED)
    return token


def _ended(status: str, body: Mapping[str, object]) -> Document:
    usage = body.get("usage")
    match status:
        case "completed":
            return {"output": body.get("output"), "usage": usage}
        case "failed":
            return {"error": body.get("error"), "usage": usage}
        case "cancelled":
            return {"error": {"message": "the agent cancelled it", "retryable": True}}
        case _:
            return {
                "error": {"message": "the agent needs more input, which nobody can give here",
                          "retryable": False}
            }  # fmt: skip


def _judge(verdict: Verdict) -> None:
    match verdict:
        case "ok" | "repeat":
            return
        case "superseded":
            raise AttemptSuperseded("a later attempt of this task was begun")
        case _:
            raise LeaseLost("the lease is over")


def _read(body: bytes) -> Fields:
    document: Any = loads(body) if body else {}
    if not isinstance(document, dict):
        raise ReportInvalid("it is a JSON object", [Problem("", "type", "must be an object")])
    return Fields(cast("Mapping[str, object]", document), "", [])


def _refuse(fields: Fields) -> None:
    if fields.findings:
        raise ReportInvalid("what was said is wrong", fields.findings)
