"""Tells agents that nobody wants a task any more: `DELETE {cancel_url}/{task_id}`.

Beside the calls, so that no caller waits for it. It is a courtesy: what is not heard within
seconds, or is one too many, is not told.
"""

from collections import deque
from urllib.parse import quote

import anyio
import structlog

from orchestra.agents.providers import Credentials
from orchestra.agents.providers.mishaps import MISHAPS
from orchestra.agents.records import Agent
from orchestra.security.outbound import Outbound

log = structlog.get_logger(__name__)

TOLD_MAX = 1_000
AT_ONCE = 8
CANCEL_S = 3.0
LEAVING_S = 1.0
ANSWER_MAX_BYTES = 65_536

_Wish = tuple[Agent, str, str]


class Cancels:
    """Cancellations that are still to be told. `serve` tells them."""

    def __init__(self, outbound: Outbound, credentials: Credentials) -> None:
        self._outbound, self._credentials = outbound, credentials
        self._wishes: deque[_Wish] = deque(maxlen=TOLD_MAX)
        self._told = anyio.Event()

    def tell(self, agent: Agent, cancel_url: str, task: str) -> None:
        """Never waits. With too many the oldest is left out."""
        self._wishes.append((agent, cancel_url, task))
        self._told.set()

    async def serve(self) -> None:
        """Tell agents until cancelled; what is left then has a second."""
        try:
            while True:
                await self._told.wait()
                self._told = anyio.Event()
                await self._tell_all()
        finally:
            if self._wishes:
                with anyio.move_on_after(LEAVING_S, shield=True):
                    await self._tell_all()

    async def _tell_all(self) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(min(AT_ONCE, len(self._wishes))):
                group.start_soon(self._tell_some)

    async def _tell_some(self) -> None:
        while self._wishes:
            agent, cancel_url, task = self._wishes.popleft()
            url = f"{cancel_url.rstrip('/')}/{quote(task, safe='')}"
            try:
                proof = await self._credentials.headers(agent, url, b"", f"cancel-{task}")
                headers = {"user-agent": "orchestra", "orchestra-task": task, **proof}
                await self._outbound.send("DELETE", url, headers, b"", CANCEL_S, ANSWER_MAX_BYTES)
            except MISHAPS as error:
                log.debug("task.cancel_unheard", agent=agent.id, error=type(error).__name__)
