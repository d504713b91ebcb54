"""Back-tests: one at a time, and only so many wait."""

import anyio
import pytest

from orchestra.monitoring.alerts.turns import EACH_MAX, HERE_MAX, BackTestsCrowded, Turns
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio


class Line:
    """Those that wait for their turn, and keep it until the test lets them go."""

    def __init__(self) -> None:
        self.turns, self.go_on = Turns(), anyio.Event()
        self.began: list[str] = []

    async def one(self, tenant: str) -> None:
        async with self.turns.take(Tenant(tenant)):
            self.began.append(tenant)
            await self.go_on.wait()

    async def is_refused(self, tenant: str) -> bool:
        try:
            with anyio.move_on_after(0):  # who is not refused waits
                await self.one(tenant)
        except BackTestsCrowded:
            return True
        return False


async def test_a_tenant_has_so_many_in_line_and_others_have_theirs() -> None:
    line = Line()
    async with anyio.create_task_group() as group:
        for _ in range(EACH_MAX):
            group.start_soon(line.one, "ours")
        await anyio.wait_all_tasks_blocked()

        assert line.began == ["ours"]
        assert await line.is_refused("ours")
        for n in range(EACH_MAX, HERE_MAX):
            assert not await line.is_refused("another")
            group.start_soon(line.one, f"tenant-{n}")
        await anyio.wait_all_tasks_blocked()
        assert await line.is_refused("another")
        line.go_on.set()

    assert len(line.began) == HERE_MAX
    assert not await line.is_refused("ours")
