"""Seals chunks that are over: replicas merged, packed, a third of the memory, quick to read.

The leader looks once a minute. What comes late lies beside a sealed chunk until the next look.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, cast

import structlog

from orchestra.clock import Clock
from orchestra.monitoring.metrics import shelf
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.series import SPANS, Series, Span, place, tag_of
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

WAIT_S: Final = 120
LOOK_S: Final = 60.0
AT_ONCE: Final = 64


class Sealer:
    """Seals what is over."""

    def __init__(self, store: Store, admission: Admission, clock: Clock) -> None:
        self._store, self._admission, self._clock = store, admission, clock
        self._seal = load_scripts("orchestra.monitoring")["chunk_seal"]
        self._done: dict[tuple[str, int], int] = {}

    async def look(self) -> int:
        """Seal every chunk that ended two minutes ago or earlier; how many. Raises StoreAway."""
        now_s = self._clock.now_ms() // 1_000
        count = 0
        for tenant in await self._admission.tenants():
            for name, about in (await self._admission.metrics(tenant)).items():
                spans = [
                    one for one in SPANS[place(about.kind)] if self._due(tenant, name, one, now_s)
                ]
                if spans:
                    every = await self._admission.series(tenant, name, about)
                    count += await self._seal_all(every, spans, now_s)
                    for span in spans:
                        self._done[f"{tenant}:{name}", span.step_s] = _last(span, now_s)
        return count

    def _due(self, tenant: Tenant, name: str, span: Span, now_s: int) -> bool:
        """Whether a chunk ended since the last look, or something may have come late."""
        last = _last(span, now_s)
        late = now_s % span.chunk_s < shelf.LATE_S + WAIT_S and now_s % 600 < LOOK_S * 2
        return late or self._done.get((f"{tenant}:{name}", span.step_s)) != last

    async def _seal_all(self, every: Sequence[Series], spans: Sequence[Span], now_s: int) -> int:
        wanted = [
            (one, span, number)
            for one in every
            for span in spans
            for number in (_last(span, now_s) - 1, _last(span, now_s))
        ]
        count = 0
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            keys = [self._names(*one) for one in part]
            sent = [
                self._store.read(prefix, "HGETALL", prefix + open_) for prefix, open_, _ in keys
            ]
            for (series, span, number), flat in zip(part, sent, strict=True):
                raw = cast("list[bytes]", await flat)
                if raw:
                    count += await self._seal_one(series, span, number, raw)
        return count

    async def _seal_one(self, series: Series, span: Span, number: int, raw: list[bytes]) -> int:
        prefix, open_, sealed_ = self._names(series, span, number)
        old = cast("bytes | None", await self._store.read(prefix, "GET", prefix + sealed_)) or b""
        slots = shelf.opened(series.kind, raw)
        if old:
            slots = shelf.merged(series.kind, shelf.unpacked(old), slots)
        ends_s = (number + 1) * span.chunk_s
        left_s = max(ends_s + span.kept_s - self._clock.now_ms() // 1_000, 60)
        done: Any = await self._store.run(
            self._seal, prefix, open=open_, sealed=sealed_,
            open_sha=hashlib.sha1(b"\0".join(raw), usedforsecurity=False).hexdigest(),
            sealed_sha=hashlib.sha1(old, usedforsecurity=False).hexdigest(),
            packed=shelf.sealed(sorted(slots)), ttl_s=left_s,
        )  # fmt: skip
        return int(done)

    def _names(self, series: Series, span: Span, number: int) -> tuple[str, str, str]:
        """The prefix, and behind it the names of a chunk, open and sealed."""
        prefix = self._store.prefix(tag_of(series.sid, self._store.partitions))
        names = (series.tenant, place(series.kind), series.sid, span.step_s, number)
        return prefix, metric_keys.chunk("", *names), metric_keys.sealed("", *names)


def _last(span: Span, now_s: int) -> int:
    """The last chunk that is over."""
    return (now_s - WAIT_S) // span.chunk_s - 1
