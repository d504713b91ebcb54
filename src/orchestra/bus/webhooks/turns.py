"""Turns: how many deliveries this replica makes at once, and that tenants take turns when it is
all there is.
"""

from collections import OrderedDict, deque

import anyio

from orchestra.store.keys import Tenant


class Turns:
    """So many at once. Who waits is served by tenant, one after the other."""

    def __init__(self, most: int) -> None:
        self.free = most
        self._waiting: OrderedDict[Tenant, deque[anyio.Event]] = OrderedDict()

    async def take(self, tenant: Tenant, want: int) -> int:
        """One turn at least, and at most `want`."""
        if self.free <= 0 or self._waiting:
            turn = anyio.Event()
            self._waiting.setdefault(tenant, deque()).append(turn)
            try:
                await turn.wait()
            except BaseException:
                if turn.is_set():  # given, and not wanted any more
                    self.give_back(1)
                else:
                    self._forget(tenant, turn)
                raise
            return 1
        taken = min(want, self.free)
        self.free -= taken
        return taken

    def give_back(self, count: int) -> None:
        """They are over, or were not needed."""
        self.free += count
        while self.free > 0 and self._waiting:
            tenant, turns = self._waiting.popitem(last=False)
            turns.popleft().set()
            self.free -= 1
            if turns:
                self._waiting[tenant] = turns  # behind the others

    def _forget(self, tenant: Tenant, turn: anyio.Event) -> None:
        turns = self._waiting[tenant]
        turns.remove(turn)
        if not turns:
            del self._waiting[tenant]
