"""Agents that speak A2A 1.0, in either binding (AGENTS.md, section 4).

A task is streamed where the card says so: its id is known at once, so that it can be cancelled,
and followed when the stream breaks. Else `returnImmediately`, and then GetTask.
"""

from collections.abc import Mapping
from contextlib import suppress

import anyio

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Call, Credentials, Failure
from orchestra.agents.providers.a2a_cards import Card, Cards, Interface
from orchestra.agents.providers.a2a_line import Line, Unsupported
from orchestra.agents.providers.a2a_messages import Course, request_of
from orchestra.agents.providers.http_request import idempotency_key
from orchestra.agents.providers.mishaps import MISHAPS, Ended, down, invalid, mishap
from orchestra.agents.records import A2AReach, Agent
from orchestra.clock import Clock
from orchestra.security.outbound import AnswerLost, NotReached, Outbound, Timeouts

CARD_S = 3.0
CANCEL_S = 2.0
FIRST_S = 30.0
IDLE_S = 30.0
LOOK_MIN_S, LOOK_MAX_S, LOOK_GROWTH = 0.02, 5.0, 1.6
LOOKS_LOST_MAX = 3
"""Looks at a task in a row that may get no answer before it counts as lost."""


class A2AProvider:
    """Calls agents through the interface their card names."""

    def __init__(
        self, outbound: Outbound, clock: Clock, credentials: Credentials, cards: Cards
    ) -> None:
        self._outbound, self._clock = outbound, clock
        self._credentials, self._cards = credentials, cards

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Send the task once, and follow it to its end. Cancelled, it cancels the agent's task."""
        course = Course(call.emit)
        conversation: _Conversation | None = None
        over = False
        try:
            with anyio.fail_after(call.timeout_ms / 1_000):
                conversation = await self._begin(agent, call, course)
                found = await conversation.run()
        except Ended as ended:
            over = True
            return ended.failure
        except MISHAPS as error:
            over = not isinstance(error, TimeoutError)
            return mishap(error, call)
        else:
            return found
        finally:
            # It did not end where somebody has to answer, or where it says too much.
            if not over and conversation is not None and course.open:
                await conversation.cancel()

    async def check(self, agent: Agent, timeout_s: float) -> TaskError | None:
        """The card, as it is now; nothing else costs nothing."""
        try:
            await self._cards.look(agent, timeout_s)
        except Ended as ended:
            return ended.failure.error
        except MISHAPS as error:
            return down(error, timeout_s)
        return None

    async def _begin(self, agent: Agent, call: Call, course: Course) -> "_Conversation":
        reach = agent.spec.reach
        assert isinstance(reach, A2AReach)
        card = await self._cards.card(agent, min(CARD_S, call.timeout_ms / 1_000))
        interface = card.interface(reach.binding)
        if interface is None:
            raise Ended(invalid(f"offers no interface for {reach.binding}"))
        line = Line(self._outbound, self._credentials, agent, interface, call)
        return _Conversation(line, card, interface, call, course, self._clock)


class _Conversation:
    """One task, and the line it is spoken of on."""

    def __init__(
        self,
        line: Line,
        card: Card,
        interface: Interface,
        call: Call,
        course: Course,
        clock: Clock,
    ) -> None:
        self._line, self._card, self._interface = line, card, interface
        self._call, self._course, self._clock = call, course, clock
        self._until = clock.monotonic() + call.timeout_ms / 1_000

    async def run(self) -> Answer | Failure:
        """Raises Ended and what Outbound raises."""
        call, course = self._call, self._course
        key = idempotency_key(call.task, call.failures)
        request = request_of(call, self._card, self._interface, key)
        streams = self._card.streaming
        if streams:
            streams = await self._stream("SendStreamingMessage", request)
        if not streams:
            course.take(await self._line.ask("SendMessage", request, self._left_s()))
        if course.outcome is None and not course.task_id:
            raise AnswerLost("the stream ended before the agent named its task")
        if course.outcome is None and streams:
            await self._stream("SubscribeToTask", {"id": course.task_id})
        while course.outcome is None:
            await self._look()
        return course.outcome

    async def cancel(self) -> None:
        """Ask the agent to stop. Whether it did is not waited for long."""
        gone = suppress(Ended, *MISHAPS)
        with anyio.CancelScope(shield=True), anyio.move_on_after(CANCEL_S), gone:
            await self._line.ask("CancelTask", {"id": self._course.task_id}, CANCEL_S)

    async def _stream(self, method: str, params: Mapping[str, object]) -> bool:
        """Take events until the end of the task or of the stream. False: it does not stream."""
        timeouts = Timeouts(self._left_s(), FIRST_S, IDLE_S)
        try:
            async with self._line.follow(method, params, timeouts) as events:
                async for event in events:
                    self._course.take(event)
                    if self._course.outcome is not None:
                        break
        except Unsupported:
            return False
        except (AnswerLost, NotReached, TimeoutError):
            # The task goes on without us: it is followed by its id, if that was told.
            if not self._course.task_id:
                raise
        return True

    async def _look(self) -> None:
        """Ask for the task until it ended, ever more seldom."""
        pause, lost = LOOK_MIN_S, 0
        while self._course.outcome is None:
            await self._clock.sleep(min(pause, max(0.0, self._left_s())))
            pause = min(LOOK_MAX_S, pause * LOOK_GROWTH)
            try:
                task = await self._line.ask(
                    "GetTask", {"id": self._course.task_id, "historyLength": 0}, self._left_s()
                )
            except (AnswerLost, NotReached):
                lost += 1
                if lost >= LOOKS_LOST_MAX:
                    raise AnswerLost("the agent's task can no longer be followed") from None
                continue
            lost = 0
            self._course.take(task)

    def _left_s(self) -> float:
        return max(0.001, self._until - self._clock.monotonic())
