"""Asking several at once: all parts of a spread queue, all of a list."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

import anyio

from orchestra.errors import OrchestraError

P = TypeVar("P")
T = TypeVar("T")


async def gathered(parts: Sequence[P], ask: Callable[[P], Awaitable[T]]) -> list[T]:
    """The answers of all parts, in their order. Raises the first refusal, when all are in."""
    if len(parts) == 1:
        return [await ask(parts[0])]
    found: list[T | None] = [None] * len(parts)
    refused: list[OrchestraError] = []

    async def one(i: int) -> None:
        try:
            found[i] = await ask(parts[i])
        except OrchestraError as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for i in range(len(parts)):
            group.start_soon(one, i)
    if refused:
        raise refused[0]
    return cast("list[T]", found)
