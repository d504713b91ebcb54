"""What tasks say while they run, for those who look on: here, or through another replica.

The last 256 frames of a task are kept while it runs, so that somebody who lost the connection can
go on where it was. Frames for other replicas are sent in batches, at most every 50 ms.
"""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import msgspec

from orchestra.agents.providers import Emit
from orchestra.agents.providers import Frame as Said
from orchestra.agents.tasks.post import Post
from orchestra.clock import Clock
from orchestra.store.keys import DEFAULT_TENANT, Tenant

KEPT = 256
BATCH_S = 0.05
REMOTE_S = 15.0
TOPICS_MAX = 10_000
TOPICS_EACH_MAX = 1_000
"""Of one tenant; the oldest of its own is closed for another one."""

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder().decode


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """Something a task said. `id` grows by one, and begins at 1."""

    id: int
    event: str
    data: Mapping[str, object]


class Topic:
    """The frames of one task."""

    __slots__ = ("changed", "ended", "frames", "last", "remotes", "tenant", "watchers")

    def __init__(self, tenant: Tenant = DEFAULT_TENANT) -> None:
        self.tenant = tenant
        self.frames: deque[Frame] = deque(maxlen=KEPT)
        self.last = 0
        self.ended = False
        self.watchers = 0
        self.changed = anyio.Event()
        self.remotes: dict[str, tuple[float, int]] = {}
        """Session of a replica -> until when it watches, and the last frame it has."""

    def add(self, frame: Frame) -> None:
        """One more."""
        if frame.id > self.last:
            self.last = frame.id
            self.frames.append(frame)
            self.touch()

    def touch(self) -> None:
        """Wake those who wait for news."""
        self.changed.set()
        self.changed = anyio.Event()

    def after(self, last: int) -> list[Frame]:
        """Frames behind `last` that are still kept."""
        if last >= self.last:
            return []
        return [frame for frame in self.frames if frame.id > last]

    async def news(self, last: int, timeout_s: float) -> list[Frame]:
        """Frames behind `last`, waited for; none when it ended or the time is over."""
        found = self.after(last)
        if not found and not self.ended:
            with anyio.move_on_after(timeout_s):
                await self.changed.wait()
            found = self.after(last)
        return found


class Live:
    """Every task that somebody may look at. `serve` must run for other replicas to see it."""

    def __init__(self, post: Post, clock: Clock) -> None:
        self._post, self._clock = post, clock
        self._topics: dict[str, Topic] = {}
        self._of: dict[Tenant, dict[str, None]] = {}
        self._dirty: set[str] = set()
        self._due = anyio.Event()
        post.on("watch", self._watched)
        post.on("frames", self._mirrored)

    def emitter(self, tenant: Tenant, task_id: str, n: int = 1) -> Emit | None:  # noqa: ARG002  -- an Emitter
        """Where call `n` of a task says things; None when nobody may look on."""
        topic = self._topics.get(task_id)
        if topic is None:
            return None

        def emit(said: Said) -> None:
            data = {name: value for name, value in said.items() if name != "event"}
            frame = Frame(topic.last + 1, str(said.get("event", "log")), data | {"attempt": n})
            topic.add(frame)
            if topic.remotes:
                self._owe(task_id)

        return emit

    def open(self, task_id: str, tenant: Tenant = DEFAULT_TENANT) -> Topic:
        """From now on what the task says is kept. Safe to repeat."""
        topic = self._topics.get(task_id)
        if topic is None:
            mine = self._of.get(tenant, {})
            if len(mine) >= TOPICS_EACH_MAX:
                self._drop(next(iter(mine)))
            elif len(self._topics) >= TOPICS_MAX:
                self._drop(next(iter(self._topics)))
            topic = self._topics[task_id] = Topic(tenant)
            self._of.setdefault(tenant, {})[task_id] = None
        return topic

    def _drop(self, task_id: str) -> None:
        """Close it for good: those who look on are told no more."""
        self.close(task_id)
        self._forget(task_id)

    def _forget(self, task_id: str) -> None:
        topic = self._topics.pop(task_id, None)
        if topic is not None:
            mine = self._of[topic.tenant]
            del mine[task_id]
            if not mine:
                del self._of[topic.tenant]

    def close(self, task_id: str) -> None:
        """It says nothing more. Safe to repeat."""
        topic = self._topics.get(task_id)
        if topic is None:
            return
        topic.ended = True
        topic.touch()
        if topic.remotes:
            self._owe(task_id)  # and forgotten when that is sent
        else:
            self._forget(task_id)

    async def watch(self, task_id: str, after: int = 0) -> AsyncIterator[Frame]:
        """What the task says here, until it ends."""
        topic = self.open(task_id)
        topic.watchers += 1
        try:
            while True:
                for frame in await topic.news(after, REMOTE_S):
                    after = frame.id
                    yield frame
                if topic.ended and not topic.after(after):
                    return
        finally:
            self.leave(task_id, topic)

    def join(self, task_id: str, tenant: Tenant = DEFAULT_TENANT) -> Topic:
        """Look at a task that runs elsewhere: its frames are mirrored here. Then `leave`."""
        topic = self.open(task_id, tenant)
        topic.watchers += 1
        return topic

    def leave(self, task_id: str, topic: Topic) -> None:
        """One less who looks; a mirror without anybody is forgotten."""
        topic.watchers -= 1
        if topic.watchers <= 0 and self._topics.get(task_id) is topic and not topic.remotes:
            self._forget(task_id)

    async def ask(self, session: str, task_id: str, last: int) -> None:
        """Have frames behind `last` sent here for the next 15 s, by the replica that runs it."""
        await self._post.send(session, "watch", f"{task_id} {last} {self._post.session}")

    async def serve(self) -> None:
        """Send what others look at, until cancelled."""
        while True:
            await self._due.wait()
            self._due = anyio.Event()
            due, self._dirty = self._dirty, set()
            for task_id in due:
                topic = self._topics.get(task_id)
                if topic is not None:
                    await self._send(task_id, topic)
            await anyio.sleep(BATCH_S)

    async def _send(self, task_id: str, topic: Topic) -> None:
        now = self._clock.monotonic()
        for session, (until, last) in list(topic.remotes.items()):
            frames = topic.after(last)
            if until < now:
                del topic.remotes[session]
            elif frames or topic.ended:
                topic.remotes[session] = (until, topic.last)
                text = _encode([task_id, frames, topic.ended]).decode()
                await self._post.send(session, "frames", text)
        if topic.ended:
            self._forget(task_id)

    def _owe(self, task_id: str) -> None:
        self._dirty.add(task_id)
        self._due.set()

    def _watched(self, text: str) -> None:
        task_id, last, session = text.split(" ")
        topic = self._topics.get(task_id)
        if topic is not None and session != self._post.session:
            topic.remotes[session] = (self._clock.monotonic() + REMOTE_S, int(last))
            self._owe(task_id)

    def _mirrored(self, text: str) -> None:
        found: list[Any] = _decode(text)
        task_id, frames, ended = found
        topic = self._topics.get(task_id)
        if topic is None:
            return
        for frame in frames:
            topic.add(Frame(*frame))
        if ended:
            topic.ended = True
            topic.touch()
