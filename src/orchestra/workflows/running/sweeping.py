"""The sweeper: no live step is without a holder, a timer, or a place in a queue (R9).

No crash of ours leaves one so; a hand in the store, a restored backup or a bug may. What is found
is put back, counted and logged as an error: a person should ask how it came to be.
"""

import structlog

from orchestra.clock import Clock, Random
from orchestra.errors import OrchestraError
from orchestra.instruments import counter
from orchestra.store import keys
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.planning.plan import Plan
from orchestra.workflows.ports import SCRIPTS, Partitions

log = structlog.get_logger(__name__)

SWEEP_S = 30.0
OLD_MS = 60_000
BITE = 50
_PUT_BACK = counter("orchestra_steps_put_back_total")


class Sweeper:
    """Looks at every live execution now and then. Any number of replicas may."""

    def __init__(
        self, store: Partitions, catalogue: Catalogue, clock: Clock, chance: Random
    ) -> None:
        self._store, self._catalogue = store, catalogue
        self._clock, self._chance = clock, chance
        self._after: dict[int, int] = {}
        self.orphaned = 0
        """Steps put back by this replica since it started. Must stay 0."""

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(SWEEP_S * (0.5 + self._chance.random()))
            for tag in self._store.partitions:
                try:
                    await self.sweep(tag, OLD_MS)
                except (StoreAway, NotReplicated):
                    break
                except OrchestraError:
                    log.exception("sweeper.failed", partition=tag)

    async def sweep(self, tag: int, old_ms: int) -> int:
        """One bite of a partition, oldest first and round again: how many steps were put back."""
        prefix = self._store.prefix(tag)
        newest = self._clock.now_ms() - old_ms
        after = self._after.get(tag, 0)
        found: list[bytes] = await self._store.read(
            prefix, "ZRANGE", f"{prefix}act", f"({after}", newest,
            "BYSCORE", "LIMIT", 0, BITE, "WITHSCORES",
        )  # fmt: skip
        self._after[tag] = int(float(found[-1])) if len(found) == 2 * BITE else 0
        return sum([await self._look(prefix, name.decode()) for name in found[::2]])

    async def _look(self, prefix: str, execution: str) -> int:
        state = keys.state(prefix, execution)
        digest, tenant = await self._store.read(prefix, "HMGET", state, "@d", "@t")
        if digest is None:
            return 0
        plan = await self._catalogue.plan(digest.decode())
        lost: list[bytes] = await self._store.run(
            SCRIPTS["execution_sweep"], prefix, eid=execution, steps=lines_of(plan)
        )
        for path in lost:
            whose = {"tenant": tenant.decode(), "execution_id": execution}
            log.error("step.orphaned", **whose, step=path.decode())
        if lost:
            _PUT_BACK.add(len(lost))
        self.orphaned += len(lost)
        return len(lost)


def lines_of(plan: Plan) -> str:
    """Every step with its route, and what undoes it with its own."""
    found = [f"{node.path}\t{node.route}" for node in plan.nodes.values()]
    found += [
        f"~{node.path}\t{node.undo.entry.rpartition('|')[0]}"
        for node in plan.nodes.values()
        if node.undo is not None
    ]
    return "\n".join(found)
