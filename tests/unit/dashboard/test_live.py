"""One open page: until when it is told, and that it is told when the store is full."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.dashboard.board import Board
from orchestra.dashboard.live import SESSION_S, Stream
from orchestra.dashboard.site import Site
from orchestra.dashboard.telling import Untold
from orchestra.dashboard.things import Things
from orchestra.security.roles import DEVELOPER

pytestmark = pytest.mark.anyio


class Bus:
    """A stream that lasts for as long as it is left alone."""

    def __init__(self) -> None:
        self.held = 0

    def position(self) -> str | None:
        return "1-0"

    async def look(self, place: object, begin: Callable[[], None]) -> None:
        assert place == "a place"
        self.held += 1
        try:
            begin()
            await anyio.sleep_forever()
        finally:
            self.held -= 1


class Pages:
    def render(self, name: str, context: dict[str, str]) -> str:
        return f"{name}: {context['standing']}"


class Sessions:
    """All of them are over."""

    async def lasts(self, session: str) -> bool:
        assert session == "ses_1"
        return False


class Looking:
    """A page of somebody whose session is over, on a site that is full or not."""

    def __init__(self) -> None:
        self.clock, self.bus, self.full = ManualClock(1_000_000), Bus(), ""
        self.sent: list[bytes] = []
        self.untold = Untold(["workflows"])
        site = SimpleNamespace(
            board=Board(self.clock), streams=self.bus, clock=self.clock, sessions=Sessions(),
            standing=lambda: self.full, pages=Pages(),
        )  # fmt: skip
        self.stream = Stream(
            cast("Site", site), cast("Things", None), DEVELOPER, self.untold, "ses_1"
        )

    async def last(self) -> None:
        with anyio.fail_after(60):
            await self.stream.last("a place", "", self.receive, self.send)

    async def receive(self) -> object:
        await anyio.sleep_forever()

    async def send(self, message: Any) -> None:
        self.sent.append(message["body"])
        self.told()

    def told(self) -> None:
        """Something was sent."""


async def test_after_signing_out_the_stream_is_over_and_its_place_given_back() -> None:
    looking = Looking()
    looking.clock.advance(int(SESSION_S * 1_000))

    await looking.last()

    assert looking.sent == [b"event: signed-out\ndata: 1\n\n"]
    assert looking.bus.held == 0


async def test_a_page_is_told_that_the_store_is_full_and_when_it_is_no_more() -> None:
    class Filling(Looking):
        def told(self) -> None:
            turns = {1: ("memory", 0), 2: ("memory", 0), 3: ("", 0), 4: ("", SESSION_S)}
            self.full, later_s = turns.get(len(self.sent), ("", 0))
            self.clock.advance(int(later_s * 1_000))
            self.untold.everything(0)

    looking = Filling()

    await looking.last()

    assert [b"standing.html: memory" in one for one in looking.sent] == [
        False, True, False, False, False,
    ]  # fmt: skip
    assert [b"standing.html" in one for one in looking.sent] == [True, True, False, True, False]
