"""Answers that serve many pages: never older than what one of them shows, nor another's own."""

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.dashboard.sharing import KEPT_S, Shared
from orchestra.security import Principal
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

LIST = ("/api/executions", b"limit=50")


def who(actor: str = "key_1", tenant: str = "default", *more: str) -> Principal:
    return Principal(Tenant(tenant), "viewer", actor, frozenset(more))


class Asking:
    """Counts what is asked for; each answer is its number."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000_000)
        self.clock.advance(5_000)
        self.told = 0.0
        self.count = 0
        self.shared = Shared(self.clock, lambda _: self.told)

    async def ask(self) -> bytes:
        self.count += 1
        return b"%d" % self.count

    async def got(self, one: Principal, address: tuple[str, bytes] = LIST) -> bytes:
        return await self.shared.answer(one, address, self.ask)


async def test_an_answer_serves_who_may_see_the_same() -> None:
    asking = Asking()

    found = [
        await asking.got(who()),
        await asking.got(who("key_2")),
        await asking.got(who("key_1", "other")),
        await asking.got(who("key_1", "default", "queues:operate")),
        await asking.got(who(), ("/api/executions", b"limit=10")),
    ]

    assert found == [b"1", b"1", b"2", b"3", b"4"]


async def test_what_may_be_somebodys_own_is_for_nobody_else() -> None:
    asking, draft = Asking(), ("/api/workflows/wf_1/draft", b"")

    found = [await asking.got(who(name), draft) for name in ("key_1", "key_2", "key_1")]

    assert found == [b"1", b"2", b"1"]


async def test_an_answer_is_asked_for_anew_after_news_an_action_or_a_second() -> None:
    asking = Asking()
    found = [await asking.got(who())]

    asking.clock.advance(100)
    asking.told = asking.clock.monotonic()
    found.append(await asking.got(who()))
    asking.clock.advance(100)
    found.append(await asking.got(who()))
    asking.shared.done(DEFAULT_TENANT)
    found.append(await asking.got(who()))
    asking.clock.advance(int(KEPT_S * 1_000))
    found.append(await asking.got(who()))

    assert found == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_part_is_made_once_a_moment_for_the_same_viewer() -> None:
    asking, made = Asking(), list[str]()
    clock = asking.clock

    def part(who_: Principal, text: str, asked_at: float | None = None) -> bytes:
        def make() -> bytes:
            made.append(text)
            return text.encode()

        at = clock.monotonic() if asked_at is None else asked_at
        return asking.shared.part(who_, ("/ui/rows",), at, make)

    def at_hand(who_: Principal) -> bytes | None:
        return asking.shared.made(who_, ("/ui/rows",))

    assert at_hand(who()) is None
    first = part(who(), "first")
    assert (at_hand(who()), at_hand(who("key_2"))) == (first, None)
    assert part(who(), "again") == first
    assert part(who("key_2"), "another's") == b"another's"
    clock.advance(100)
    asking.told = clock.monotonic()
    assert part(who(), "told", asked_at=asking.told - 0.05) == b"told"
    assert part(who(), "what that shows was asked for too early") != b"told"
    asking.shared.done(DEFAULT_TENANT)
    assert at_hand(who()) is None
    assert part(who(), "done") == b"done"
    clock.advance(int(KEPT_S * 1_000))
    assert at_hand(who()) is None
    assert made.count("again") == 0


async def test_who_waits_for_one_that_left_asks_itself() -> None:
    asking, begun = Asking(), anyio.Event()
    got: list[bytes] = []

    async def forever() -> bytes:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def wait() -> None:
        got.append(await asking.got(who()))

    async def never() -> None:
        await asking.shared.answer(who(), LIST, forever)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as both:
            leaving = anyio.CancelScope()

            async def leaves() -> None:
                with leaving:
                    await never()

            both.start_soon(leaves)
            await begun.wait()
            both.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel()

    assert got == [b"1"]
