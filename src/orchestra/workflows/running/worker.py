"""Work on one claimed step: look, call, record, and go on with what the record made ready.

Every effect on the store is one script, repeated until it is answered; the planner decides what.
"""

import structlog

from orchestra import tracing
from orchestra.agents import TaskError
from orchestra.store.frames import CorruptRecord
from orchestra.store.keys import Tenant
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Claim, Record, Work, claim_of
from orchestra.workflows.planning.failing import Completion, broken
from orchestra.workflows.planning.planner import decide
from orchestra.workflows.planning.scoping import closing, contents
from orchestra.workflows.running.calling import Caller
from orchestra.workflows.running.claims import Around, Claimed, Listener
from orchestra.workflows.running.hands import Held
from orchestra.workflows.running.memory import Gone
from orchestra.workflows.running.recording import Recorder

log = structlog.get_logger(__name__)


class Worker:
    """Runs claims. One for a replica; `run` is started once for each claim."""

    def __init__(self, around: Around, listener: Listener) -> None:
        self._a = around
        self._recorder = Recorder(around, listener)
        self._caller = Caller(around, self._recorder)

    def take(self, claims: list[Claimed]) -> None:
        """Start working on what was just claimed."""
        for claimed in claims:
            if self._a.hands.take(claimed.tag, claimed.key) is not None:
                self._a.spawn(self.run, claimed)

    async def run(self, claimed: Claimed) -> None:
        """Work on a claim, then on the first step it made ready, and so on. Others are spawned."""
        following: Claimed | None = claimed
        while following is not None:
            more = await self._one(following)
            following = None
            for claim in more:
                if self._a.hands.take(claim.tag, claim.key) is None:
                    continue
                if following is None:
                    following = claim
                else:
                    self._a.spawn(self.run, claim)

    async def _one(self, claimed: Claimed) -> list[Claimed]:
        held = self._a.hands.held[claimed.tag][claimed.key]
        claim = claim_of(claimed.item, claimed.token, claimed.tenant, self._a.clock.now_ms())
        # What comes next may be another execution's: the request that led here did not start it.
        structlog.contextvars.unbind_contextvars("request_id")
        tracing.come(None)
        structlog.contextvars.bind_contextvars(
            tenant=claim.tenant,
            execution_id=claim.execution,
            step=claim.path,
            attempt=claim.attempt,
        )
        try:
            work = await self._work(claimed, claim)
            completion = await self._completion(claimed, work, held)
            if completion is None:
                return []
            return await self._recorder.record(claimed, work, completion)
        except Gone:
            log.warning("step.execution_gone")
            return []
        except Exception:
            # The outermost edge of a task: nobody else can tell that this step went wrong. It is
            # handed back as after a crash: a bug ends in `step.crash_loop`, not in silence.
            log.exception("step.work_failed")
            await self._recorder.back(claimed, stopped=1)
            return []
        finally:
            self._a.hands.drop(claimed.tag, claimed.key)

    async def _work(self, claimed: Claimed, claim: Claim) -> Work:
        a = self._a
        plan = a.catalogue.cached(claimed.digest)
        if plan is None:
            plan = await self._recorder.insist(a.catalogue.plan, claimed.digest)
        node = plan.nodes[claim.path.removeprefix("~")]
        return Work(plan, node, claim, a.memory.facts(claim.execution), claim.claimed_ms)

    async def _completion(self, claimed: Claimed, work: Work, held: Held) -> Completion | None:
        """What to record; None when there is nothing to record any more."""
        a, claim, node = self._a, work.claim, work.node
        prefix = a.store.prefix(claimed.tag)
        undone = claim.path[0] == "~"
        try:
            needs = () if undone else self._upstream(work)
            fields = a.memory.missing(work, [node.path] if undone else needs)
            if fields:
                await self._recorder.insist(
                    a.memory.read, prefix, claim.execution, work.facts, fields
                )
            if undone:
                return await self._caller.compensate(claimed, work, held)
            record = work.facts.records.get(node.path) if node.opens and claim.n > 1 else None
            if record is not None and record["status"] == "running" and record["try"] == claim.k:
                await self._inside(prefix, work, record)
                return closing(work)
            if claim.c and node.step.agent is not None and node.step.agent.type is not None:
                work.in_process = a.agents.in_process(node.step.agent.type)
            decision = decide(work, self._needs)
        except CorruptRecord:
            log.exception("record.corrupt")
            error = TaskError("corrupt-record", "a stored record of this execution is damaged")
            return broken(work, error)
        if isinstance(decision, Completion):
            return decision
        return await self._caller.call(claimed, work, decision, held)

    async def _inside(self, prefix: str, work: Work, record: Record) -> None:
        """Read the records of what a container opened."""
        paths = [n.path for n in contents(work.node, record)]
        fields = [path for path in paths if work.facts.status(path) != "completed"]
        if fields:
            read = self._a.memory.read
            await self._recorder.insist(read, prefix, work.claim.execution, work.facts, fields)

    def _needs(self, work: Work) -> tuple[str, ...]:
        step = work.node.step
        if step.agent is None or step.agent.type is None:
            return ()
        return self._a.agents.needs(Tenant(work.claim.tenant), step.agent.type, step.task_type)

    def _upstream(self, work: Work) -> tuple[str, ...]:
        """Records that an input may have to be filled from."""
        step = work.node.step
        if work.node.kind != "agent" or step.context != "auto" or not work.node.earlier:
            return ()
        given: Json = step.input_data
        if isinstance(given, dict) and all(name in given for name in self._needs(work)):
            return ()
        return work.node.earlier
