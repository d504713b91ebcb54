"""Answers that last: who may no longer ask is told nothing more.

A stream is authorised once, when it begins. While it goes on its key is looked at again, at most
every 5 s, before anything more is told: a key that was revoked, expired or changed ends it.
"""

from typing import Final, Protocol

from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Unauthenticated
from orchestra.security import Principal
from orchestra.security.key_text import Kind

AGAIN_S: Final = 5.0


class Verifier(Protocol):
    """Knows who asks with a key."""

    async def authenticate(self, text: str) -> tuple[Principal, Kind]:
        """The principal of a key. Raises Unauthenticated; Unavailable when it cannot know."""
        ...


class Over(Exception):
    """Nothing more is told to whoever asked. Never leaves the gateway."""


class Lasting:
    """Whether the key a request came with still stands for the same caller."""

    __slots__ = ("_at", "_clock", "_principal", "_text", "_verifier")

    def __init__(self, verifier: Verifier, text: str, principal: Principal, clock: Clock) -> None:
        self._verifier, self._text, self._principal = verifier, text, principal
        self._clock, self._at = clock, clock.monotonic()

    async def holds(self) -> bool:
        """False once it does not. Where nobody can know it now, it does."""
        now = self._clock.monotonic()
        if now - self._at < AGAIN_S:
            return True
        self._at = now
        try:
            principal, _ = await self._verifier.authenticate(self._text)
        except Unauthenticated:
            return False
        except OrchestraError:
            return True
        return principal == self._principal
