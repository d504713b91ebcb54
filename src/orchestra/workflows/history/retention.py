"""What happens to executions after their end: archived after a while, forgotten later (R44)."""

import structlog

from orchestra.clock import Clock, Random
from orchestra.errors import OrchestraError
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.workflows.history.reader import Reader, pack_archive
from orchestra.workflows.ports import SCRIPTS, Partitions

log = structlog.get_logger(__name__)

SWEEP_S = 10.0
BITE = 100


class Retention:
    """Sweeps every partition. Any number of replicas may do it at once."""

    def __init__(
        self, store: Partitions, reader: Reader, clock: Clock, chance: Random,
        *, live_ms: int, kept_ms: int,
    ) -> None:  # fmt: skip
        self._store, self._reader, self._clock, self._chance = store, reader, clock, chance
        self._live_ms, self._kept_ms = live_ms, kept_ms

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(SWEEP_S * (0.5 + self._chance.random()))
            for tag in self._store.partitions:
                try:
                    await self.sweep(tag)
                except (StoreAway, NotReplicated):
                    break
                except OrchestraError:
                    log.exception("retention.sweep_failed", partition=tag)

    async def sweep(self, tag: int) -> int:
        """One bite of one partition: how many executions were archived."""
        prefix, done = self._store.prefix(tag), 0
        oldest = self._clock.now_ms() - self._live_ms
        ended: list[bytes] = await self._store.read(
            prefix, "ZRANGE", f"{prefix}fin", "-inf", oldest, "BYSCORE", "LIMIT", 0, BITE
        )
        for name in ended:
            execution = name.decode()
            found = await self._reader.archive_of(execution)
            if found is None:
                continue
            archive, tenant = found
            reply = await self._store.run(
                SCRIPTS["execution_archive"], prefix, eid=execution, tenant=tenant,
                archive=pack_archive(archive), ttl_ms=self._kept_ms,
            )  # fmt: skip
            done += reply[0]
        await self._store.run(SCRIPTS["execution_forget"], prefix, max=BITE)
        return done
