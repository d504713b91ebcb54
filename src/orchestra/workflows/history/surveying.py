"""What instruments say of executions as they are now: read in every partition, by one process."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from orchestra.instruments import Reading, measure
from orchestra.store import keys
from orchestra.store.keys import Tenant
from orchestra.workflows.history.reader import every
from orchestra.workflows.ports import SCRIPTS, Partitions

LATE_MS: Final = 5_000
TENANTS_MAX: Final = 2_000
"""Those with most live executions have their series."""
STATES: Final[Mapping[str, str]] = {"N": "pending", "P": "paused", "B": "rolling_back"}
RUNNING: Final = "running"
_LIVE = measure("orchestra_executions_live", ("tenant", "state"))
_READY = measure("orchestra_ready_oldest_seconds", ("class",))
_ORPHANED = measure("orchestra_steps_orphaned")


class Surveyor:
    """Reads it. Every reading looks at counters, and at the heads of queues."""

    def __init__(self, store: Partitions) -> None:
        self._store = store
        self._known: tuple[set[str], set[str]] = (set(), set())
        """Classes and tenants that had something: from then on nothing is told as 0."""

    async def survey(self) -> Sequence[Reading]:
        """A `Survey`. Raises StoreAway."""
        script = SCRIPTS["partition_survey"]
        prefixes = [self._store.prefix(tag) for tag in self._store.partitions]
        replies = await every([self._store.run(script, one, late_ms=LATE_MS) for one in prefixes])
        classes, tenants = self._known
        live: Counter[str] = Counter()
        ready: dict[str, int] = dict.fromkeys(classes, 0)
        orphaned = 0
        for counts, oldest, held in cast("list[list[Any]]", replies):
            live.update(_numbers(counts))
            for name, ms in _numbers(oldest).items():
                ready[name] = max(ready.get(name, 0), ms)
            orphaned += int(held)
        classes.update(ready)
        most = Counter({name: n for name, n in live.items() if "|" not in name})
        idle = [name for name in tenants if name not in most]
        found: list[Reading] = [(_ORPHANED, (), orphaned)]
        found += [(_READY, (name,), ms / 1_000) for name, ms in ready.items()]
        for tenant, total in [*most.most_common(), *((one, 0) for one in idle)][:TENANTS_MAX]:
            tenants.add(tenant)
            states = _states(total, {one: live[f"{tenant}|{one}"] for one in STATES})
            found += [(_LIVE, (tenant, state), n) for state, n in states.items()]
        if len(tenants) > TENANTS_MAX:
            tenants.clear()
        return found

    async def live(self, tenant: Tenant) -> Mapping[str, int]:
        """Executions of a tenant that have not ended, by state. Raises StoreAway."""
        fields = (str(tenant), *(f"{tenant}|{one}" for one in STATES))
        replies = await every(
            [
                self._store.read(prefix, "HMGET", keys.live_counts(prefix), *fields)
                for prefix in map(self._store.prefix, self._store.partitions)
            ]
        )
        sums = [sum(int(n or 0) for n in column) for column in zip(*replies, strict=True)]
        return _states(sums[0], dict(zip(STATES, sums[1:], strict=True)))


def _states(total: int, counted: Mapping[str, int]) -> dict[str, int]:
    """All states by their names: whoever is in none that is counted runs."""
    named = {STATES[letter]: n for letter, n in counted.items()}
    return named | {RUNNING: max(total - sum(named.values()), 0)}


def _numbers(flat: Sequence[bytes]) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
