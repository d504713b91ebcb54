"""Forgets recorded metrics: their register at once, then what lies in their chunks."""

from typing import Final

from orchestra.clock import Clock
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.series import SPANS, tag_of
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

_AT_ONCE: Final = 200


class Forgetting:
    """What `DELETE` does."""

    def __init__(self, store: Store, admission: Admission, clock: Clock, buffer: Buffer) -> None:
        self._store, self._admission, self._clock = store, admission, clock
        self._buffer = buffer

    async def forget(self, tenant: Tenant, name: str) -> None:
        """Forget it. Raises MetricUnknown, MetricTypeFixed, StoreAway; safe to repeat."""
        sids = await self._admission.forget(tenant, name)
        await self._buffer.settle(sids)  # what still waits here would come after
        for sid in sids:
            prefix = self._store.prefix(tag_of(sid, self._store.partitions))
            names = self._names(prefix, tenant, sid)
            for start in range(0, len(names), _AT_ONCE):
                await self._store.call(prefix, "UNLINK", *names[start : start + _AT_ONCE])

    def _names(self, prefix: str, tenant: Tenant, sid: str) -> list[str]:
        """Every key that may hold something of a series."""
        now_s = self._clock.now_ms() // 1_000
        found: list[str] = []
        for kind, spans in SPANS.items():
            for span in spans:
                first = (now_s - span.kept_s) // span.chunk_s - 1
                for number in range(first, now_s // span.chunk_s + 2):
                    names = (prefix, tenant, kind, sid, span.step_s, number)
                    found += (metric_keys.chunk(*names), metric_keys.sealed(*names))
        return found
