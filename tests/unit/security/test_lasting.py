"""A stream is told to whoever may hear it now, not to whoever might when it began."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from edge import OneKey
from litestar import Litestar, get
from litestar.response import Stream

from orchestra.clock import ManualClock, system_random
from orchestra.errors import OrchestraError, Unauthenticated, Unavailable
from orchestra.security import Principal, public
from orchestra.security.gateway import Gateway, Policy
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

KEY = new_key()
VIEWER = Principal(DEFAULT_TENANT, "viewer", "key_v", permissions_of("viewer"))


class Ring(OneKey):
    """Knows one key, until it does not."""

    refusal: OrchestraError | None = None

    async def authenticate(self, text: str) -> Any:
        if self.refusal is not None:
            raise self.refusal
        return await super().authenticate(text)


class Told:
    """What a stream of ten parts told, when something happened to its key after the third."""

    def __init__(self, seconds: int = 6) -> None:
        self.clock, self.ring, self.seconds = ManualClock(), Ring(KEY, VIEWER), seconds
        self.ended = anyio.Event()

    def happens(self) -> None:
        """Between two parts."""

    async def parts(self) -> AsyncIterator[bytes]:
        try:
            for n in range(10):
                if n == 3:
                    self.happens()
                    self.clock.advance(self.seconds * 1_000)
                yield b"%d" % n
        finally:
            self.ended.set()

    async def text(self) -> str:
        @get("/parts", guards=[public("a test")])
        async def parts() -> Stream:
            return Stream(self.parts())

        gateway = Gateway(Litestar([parts]), self.clock, system_random())
        gateway.policy = Policy(mode="required", hosts=frozenset({"localhost"}))
        gateway.verifier = self.ring
        transport = httpx.ASGITransport(gateway)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.get("/parts", headers={"x-api-key": KEY})
        assert answer.status_code == 200
        with anyio.fail_after(60):
            await self.ended.wait()
        return answer.text


async def test_a_key_that_was_revoked_ends_the_stream() -> None:
    class Revoked(Told):
        def happens(self) -> None:
            self.ring.refusal = Unauthenticated("gone")

    assert await Revoked().text() == "012"


async def test_a_key_that_may_do_something_else_now_ends_it_too() -> None:
    class Changed(Told):
        def happens(self) -> None:
            self.ring.principal = Principal(DEFAULT_TENANT, "viewer", "key_v", frozenset())

    assert await Changed().text() == "012"


async def test_while_nobody_can_know_the_stream_goes_on() -> None:
    class Away(Told):
        def happens(self) -> None:
            self.ring.refusal = Unavailable("the store is away")

    assert await Away().text() == "0123456789"


async def test_a_key_is_not_looked_at_for_every_part() -> None:
    class Revoked(Told):
        def happens(self) -> None:
            self.ring.refusal = Unauthenticated("gone")

    assert await Revoked(seconds=4).text() == "0123456789"
