"""Processes that ask each other, as many as a test wants, in this one: each with its own store."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import msgspec
from agent_replicas import store_at

from orchestra.bus.requests.module import RequestsModule
from orchestra.clock import SystemClock, system_random


class Question(msgspec.Struct, frozen=True):
    """What is asked."""

    text: str = ""
    tenant: str = "default"


class Reply(msgspec.Struct, frozen=True):
    """What is answered."""

    text: str


@contextlib.asynccontextmanager
async def a_process(
    url: str, name: str = "one", serves: Callable[[RequestsModule], Any] | None = None
) -> AsyncIterator[RequestsModule]:
    """A running process that serves, when it does, from the beginning of the block."""
    async with store_at(url) as store:
        module = RequestsModule(store, SystemClock(), system_random(), (name,))
        if serves is not None:
            serves(module)
        async with module.running():
            if serves is not None:
                await module.open()
            yield module


async def served_by(module: RequestsModule, subject: str, count: int = 1) -> None:
    """Until so many processes that serve it are known here."""
    with anyio.fail_after(60):
        while sum(subject in one.subjects for one in module.processes()) != count:  # noqa: ASYNC110
            await anyio.sleep(0.01)
