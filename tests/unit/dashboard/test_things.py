"""What is made once for all who look: for nobody else, and not lost with who made it."""

from typing import Any, cast

import anyio
import pytest

from orchestra.clock import SystemClock
from orchestra.dashboard.site import Site
from orchestra.dashboard.things import Made, Things
from orchestra.errors import NotFound, Unavailable
from orchestra.security import Principal
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

RUN = ("run", "exe_1")


class _Site:
    clock = SystemClock()


class Making(Things):
    """Waits before it makes something."""

    def __init__(self) -> None:
        super().__init__(cast("Site", _Site()))
        self.asked: list[Principal] = []
        self.go, self.begun = anyio.Event(), anyio.Event()
        self.fails: list[Exception] = []

    async def _make(self, viewer: Any, thing: tuple[str, str]) -> Made:
        self.asked.append(viewer.principal)
        self.begun.set()
        await self.go.wait()
        if self.fails:
            raise self.fails.pop()
        return {"head": f"for {viewer.principal.tenant}"}


def who(tenant: str = "a", *permissions: str) -> Principal:
    return Principal(Tenant(tenant), "viewer", "key_1", frozenset(permissions))


async def test_who_looks_with_the_same_rights_shares_and_nobody_else_does() -> None:
    things = Making()
    things.go.set()
    since = SystemClock().monotonic()
    found = [
        await things.made(principal, RUN, since)
        for principal in (who(), who(), who("b"), who("a", "executions:operate"))
    ]

    assert found == [{"head": "for a"}, {"head": "for a"}, {"head": "for b"}, {"head": "for a"}]
    assert things.asked == [who(), who("b"), who("a", "executions:operate")]


async def test_what_is_not_made_because_its_maker_left_is_made_by_who_waits() -> None:
    things, since = Making(), SystemClock().monotonic()
    found: list[Made | None] = []

    async def look() -> None:
        found.append(await things.made(who(), RUN, since))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as all_:
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(look)
                await things.begun.wait()
                all_.start_soon(look)
                await anyio.wait_all_tasks_blocked()
                leaving.cancel_scope.cancel()
            things.go.set()

    assert found == [{"head": "for a"}]
    assert len(things.asked) == 2


async def test_what_cannot_be_had_now_is_asked_for_again_and_what_is_not_there_is_not() -> None:
    things, since = Making(), SystemClock().monotonic()
    things.go.set()
    things.fails = [Unavailable("away")]
    assert await things.made(who(), RUN, since) is None
    assert await things.made(who(), RUN, since) == {"head": "for a"}

    later = SystemClock().monotonic()
    things.fails = [NotFound("gone")]
    assert await things.made(who(), RUN, later) == {}
    assert await things.made(who(), RUN, later) == {}
