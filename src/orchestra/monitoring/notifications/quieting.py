"""What callers may do with silences: make one. Nothing about it is changed later."""

import msgspec

from orchestra.clock import Clock, Ids
from orchestra.monitoring.notifications.contacts import BODY_MAX_BYTES
from orchestra.monitoring.notifications.hush import Silences
from orchestra.monitoring.notifications.reading import read_silence
from orchestra.monitoring.notifications.records import Silence, SilenceUnknown
from orchestra.security import Principal
from orchestra.security.hardened import loads
from orchestra.store.repeats import Repeats


class Quieting:
    """Takes bodies in."""

    def __init__(self, silences: Silences, repeats: Repeats, clock: Clock, ids: Ids) -> None:
        self._silences, self._repeats = silences, repeats
        self._clock, self._ids = clock, ids

    async def create(
        self, principal: Principal, body: bytes, key: str | None
    ) -> tuple[Silence, bool]:
        """A new silence; with the `key` of before the one of before, and True.

        Raises SilenceInvalid, SilencesExhausted, IdempotencyMismatch.
        """
        now_ms, tenant = self._clock.now_ms(), principal.tenant
        known = await self._repeats.known(tenant, key, body)
        if known is not None:  # first: the times in it may be long ago by now
            try:
                return await self._silences.get(tenant, known), True
            except SilenceUnknown:
                pass  # its maker did not get so far
        base = Silence(self._ids.new("sil"), tenant, (), now_ms, 0, "", principal.actor, now_ms)
        wanted = read_silence(loads(body, max_bytes=BODY_MAX_BYTES), base, now_ms)
        claim = await self._repeats.claim(tenant, key, body, base.id)
        silence = msgspec.structs.replace(wanted, id=claim.id)
        if await self._silences.put(silence):
            return silence, False
        return await self._silences.get(
            tenant, claim.id
        ), True  # the same request, at the same time
