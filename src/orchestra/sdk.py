"""Agents in ten lines: functions that an orchestra server has tasks for. Import or copy this file.

Functions return the output; or yield text and progress, and the last dict is the output; or raise
`Reject` or `Retry`. `run()` comes for tasks, so nothing needs to reach it; `asgi()` is an app that
is sent them. In a plugin of the server a variable `agent` is all it takes. Needs httpx alone.
"""

import base64
import contextlib
import functools
import hmac
import inspect
import json
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import anyio
import anyio.abc
import anyio.to_thread
import httpx

log = logging.getLogger("orchestra.sdk")

POLL_S, DRAIN_S, GOODBYE_S, BACKOFF_MAX_S, BATCH_S, SKEW_S = 25, 30.0, 2.0, 15.0, 0.05, 300
TRIES = 8
BODY_MAX_BYTES = 8 * 1024 * 1024

F = TypeVar("F", bound=Callable[..., Any])
Frame = dict[str, Any]
Show = Callable[[Frame], None]


class Reject(Exception):
    """No: such an input will never do. Nobody else is asked."""


class Retry(Exception):
    """Not now: ask again, not before `after_s`."""

    def __init__(self, message: str = "try again", after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True)
class Task:
    """One task. `fence` only grows: what a later attempt wrote, an earlier one must not undo."""

    id: str
    capability: str | None
    input: Any
    attempt: int = 1
    fence: int = 0
    timeout_s: float = 60.0
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Agent:
    """An agent and what it can do. `more` are fields of a registration, such as `labels`."""

    def __init__(
        self, name: str, *, agent_type: str, url: str = "http://127.0.0.1:8000",
        key: str | None = None, concurrency: int = 8, **more: Any,
    ) -> None:  # fmt: skip
        self.name, self.agent_type, self.url, self.key = name, agent_type, url.rstrip("/"), key
        self.concurrency, self.more = concurrency, more
        self.specs: list[dict[str, Any]] = []
        self.functions: dict[str, Callable[..., Any]] = {}

    def capability(self, name: str, **spec: Any) -> Callable[[F], F]:
        """Decorates the function of a capability. `spec` is the rest of it: `input_schema`."""

        def add(function: F) -> F:
            self.specs.append({"name": name, **spec})
            self.functions[name] = function
            return function

        return add

    def registration(self) -> dict[str, Any]:
        """The body of `POST /api/agents/register`."""
        about = {"name": self.name, "agent_type": self.agent_type, "capabilities": self.specs}
        return about | {"provider": "pull", "max_concurrency": self.concurrency} | self.more

    def run(self) -> None:
        """Come for tasks until SIGTERM or SIGINT; then finish what runs, at most 30 s."""

        async def work() -> None:
            await Worker(self).run()

        anyio.run(work)

    def asgi(self, *, secret: str | None = None) -> "App":
        """An ASGI app that is sent tasks at any path. `secret`: only by those who sign with it."""
        return App(self, secret)

    async def perform(self, task: Task, show: Show) -> Any:
        """Do a task. Raises what its function raises; Reject for a capability it does not have."""
        function = self.functions.get(task.capability or "")
        if function is None and len(self.functions) == 1 and not task.capability:
            function = next(iter(self.functions.values()))
        if function is None:
            raise Reject(f"this agent does not have the capability {task.capability!r}")
        return await perform(function, task, show)


async def perform(function: Callable[..., Any], task: Any, show: Show) -> Any:
    """The output of a function of any of the shapes; what it yields on the way is shown."""
    if inspect.isasyncgenfunction(function):
        return await _last(function(task), show)
    if inspect.isgeneratorfunction(function):
        return await _last(_in_thread(function(task)), show)
    if inspect.iscoroutinefunction(function):
        return await function(task)
    return await anyio.to_thread.run_sync(function, task, abandon_on_cancel=True)


async def _last(said: AsyncIterator[Any], show: Show) -> Any:
    """The last dict is the output; without one, all the text together."""
    text, last = "", cast("dict[str, Any] | None", None)
    async for one in said:
        if last is not None:
            show({"event": "progress", "progress": last})
        last = cast("dict[str, Any] | None", one if isinstance(one, dict) else None)
        if last is None:
            text += str(one)  # pyright: ignore[reportUnknownArgumentType] -- whatever it is
            show({"event": "delta", "text": str(one)})  # pyright: ignore[reportUnknownArgumentType] -- and here
    return {"text": text} if last is None else last


async def _in_thread(generator: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    step = functools.partial(next, generator, end)
    while (one := await anyio.to_thread.run_sync(step, abandon_on_cancel=True)) is not end:
        yield one


def error_of(error: Exception) -> dict[str, Any]:
    """What the server is told of an exception: no text that was not meant for it."""
    if isinstance(error, Reject):
        return {"message": str(error) or "refused", "retryable": False}
    if isinstance(error, Retry):
        wait_ms = round(error.after_s * 1_000)
        return {"message": str(error), "retryable": True, "retry_after_ms": wait_ms}
    log.error("the agent raised", exc_info=error)
    return {"message": f"the agent raised {type(error).__name__}"}


def task_of(told: Mapping[str, Any]) -> Task:
    """The task in an envelope."""
    return Task(
        told["task_id"], told.get("capability"), told.get("input"), told.get("attempt", 1),
        told.get("fence", 0), told.get("timeout_ms", 60_000) / 1_000, told.get("context") or {},
    )  # fmt: skip


class Worker:
    """Comes for tasks: as many at a time as the agent has room for."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self._running, self._poll_url = agent, 0, ""
        self._freed, self._stopping = anyio.Event(), anyio.CancelScope()

    async def run(self) -> None:
        """Until a signal. Then no more tasks, and up to 30 s for those that run."""
        async with anyio.create_task_group() as signals:
            signals.start_soon(self._watch_signals)
            await self.serve()
            signals.cancel_scope.cancel()

    def stop(self) -> None:
        """Take no more tasks; `serve` ends when those that run are done."""
        self._stopping.cancel()

    async def serve(self) -> None:
        """Come for tasks until `stop`."""
        agent = self._agent
        headers = {"authorization": f"Bearer {agent.key}"} if agent.key else {}
        limits = httpx.Limits(max_connections=2 * agent.concurrency + 4)
        async with httpx.AsyncClient(
            base_url=agent.url, headers=headers, timeout=10.0, limits=limits, trust_env=False
        ) as http, anyio.create_task_group() as group:  # fmt: skip
            with self._stopping:
                await self._poll(http, group)
            with anyio.move_on_after(GOODBYE_S), contextlib.suppress(httpx.HTTPError):
                if self._poll_url:  # so that nobody waits for a poll that will not come
                    await http.post(self._poll_url, json={"slots": 0, "leaving": True})
            with anyio.move_on_after(DRAIN_S):
                while self._running:
                    await self._freed.wait()
            group.cancel_scope.cancel()

    async def _watch_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
            async for _ in received:
                if self._stopping.cancel_called:
                    raise SystemExit(130)
                self.stop()

    async def _poll(self, http: httpx.AsyncClient, group: anyio.abc.TaskGroup) -> None:
        failures = 0
        while True:
            free = self._agent.concurrency - self._running
            if free <= 0:
                await self._freed.wait()
                continue
            try:
                if not self._poll_url:
                    answer = await http.post(
                        "/api/agents/register", json=self._agent.registration()
                    )
                    answer.raise_for_status()
                    self._poll_url = answer.json()["pull"]["poll_url"]
                wish = {"slots": min(free, 100), "wait_s": POLL_S}
                answer = await http.post(self._poll_url, json=wish, timeout=POLL_S + 10)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                refused = error.response if isinstance(error, httpx.HTTPStatusError) else None
                if refused is not None and refused.status_code in (401, 403, 422):
                    raise RuntimeError(f"the server refuses us: {refused.text[:2_000]}") from error
                if refused is not None:
                    self._poll_url = ""  # 404: register again
                failures += 1
                log.warning("no answer from the server: %s", error)
                await anyio.sleep(_backoff_s(failures))
                continue
            failures = 0
            for told in answer.json()["tasks"] if answer.content else ():
                self._running += 1
                group.start_soon(self._work, http, told)

    async def _work(self, http: httpx.AsyncClient, told: Mapping[str, Any]) -> None:
        job = Job(http, told, self._stopping)
        try:
            await job.run(self._agent)
        finally:
            self._running -= 1
            self._freed.set()
            self._freed = anyio.Event()


class Job:
    """One task that a worker does: its lease is kept, its frames are sent, its result is told."""

    def __init__(
        self, http: httpx.AsyncClient, told: Mapping[str, Any], stopping: anyio.CancelScope
    ) -> None:
        self._http, self._links, self._told = http, told["links"], told
        self._stopping = stopping
        self._proof = {"lease": told["lease"]["id"], "fence": told["fence"]}
        self._beat_s = told["lease"]["ttl_ms"] / 3_000
        self._frames: list[Frame] = []
        self._news, self._scope = anyio.Event(), anyio.CancelScope()

    async def run(self, agent: Agent) -> None:
        """All of it. A lost lease ends it at once: somebody else has the task by then."""
        task, verb, said = task_of(self._told), "fail", cast("Frame", {})
        with self._scope, anyio.move_on_after(task.timeout_s):
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep)
                try:
                    verb, said = "complete", {"output": await agent.perform(task, self._show)}
                    json.dumps(said)
                except Exception as error:  # noqa: BLE001  -- the edge to the agent's own code
                    verb, said = "fail", {"error": error_of(error)}
                group.cancel_scope.cancel()
            await self._send_frames()
            await self._report(verb, said)

    def _show(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._news.set()

    async def _keep(self) -> None:
        while True:
            with anyio.move_on_after(self._beat_s):
                await self._news.wait()
                await anyio.sleep(BATCH_S)
            self._news = anyio.Event()
            await (self._send_frames() if self._frames else self._beat({}))

    async def _send_frames(self) -> None:
        while self._frames:
            frame = self._frames.pop(0)
            if frame["event"] == "progress":
                await self._beat({"progress": frame["progress"]})
                continue
            text = frame["text"]
            while self._frames and self._frames[0]["event"] == "delta":
                text += self._frames.pop(0)["text"]
            await self._beat({"delta": text})

    async def _beat(self, said: Frame) -> None:
        said = self._proof | said | {"leaving": self._stopping.cancel_called}
        try:
            answer = await self._http.post(self._links["heartbeat"], json=said)
        except httpx.HTTPError as error:
            log.warning("heartbeat not sent: %s", error)
            return
        if answer.status_code == 409 or (answer.is_success and answer.json()["cancel"]):
            self._scope.cancel()

    async def _report(self, verb: str, said: Frame) -> None:
        for tried in range(1, TRIES + 1):
            try:
                answer = await self._http.post(self._links[verb], json=self._proof | said)
                if answer.status_code < 500 and answer.status_code != 429:
                    return
            except httpx.HTTPError as error:
                log.warning("result not sent: %s", error)
            await anyio.sleep(_backoff_s(tried))


def _backoff_s(failures: int) -> float:
    return random.uniform(0.1, min(BACKOFF_MAX_S, 0.5 * 2.0 ** min(failures, 10)))


class App:
    """ASGI: tasks come as POST to any path, `GET /healthz` says whether more may come."""

    def __init__(self, agent: Agent, secret: str | None) -> None:
        self._agent, self._key = agent, None if secret is None else _key(secret)
        self.draining = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, or the life of the server: its end lets nothing more in."""
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                self.draining = event == "shutdown"
                await send({"type": f"lifespan.{event}.complete"})
        elif scope["method"] == "GET" and scope["path"].endswith("/healthz"):
            status = "draining" if self.draining else "ok"
            await _answer(send, 503 if self.draining else 200, {"status": status})
        elif scope["method"] != "POST":
            await _answer(send, 405, {"error": {"message": "tasks are posted"}})
        else:
            await self._task(scope, receive, send)

    async def _task(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        body = await _body(receive)
        if body is None:
            await _answer(send, 413, {"error": {"message": "the task is too large"}})
        elif self._key is not None and not signed(self._key, headers, body, time.time()):
            await _answer(send, 401, {"error": {"message": "the signature is not good"}})
        elif self.draining:
            await _answer(send, 503, {"error": {"message": "about to end", "retryable": True}})
        else:
            try:
                told = json.loads(body)
                task = task_of(told)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                await _answer(send, 400, {"error": {"message": "this is no task"}})
                return
            if told.get("stream"):
                await self._streamed(task, receive, send)
            else:
                await self._whole(task, receive, send)

    async def _whole(self, task: Task, receive: Any, send: Any) -> None:
        status, said = 499, cast("Frame", {})
        async with anyio.create_task_group() as group:
            group.start_soon(_until_gone, receive, group.cancel_scope)
            status, said = await self._done(task, lambda _: None)
            group.cancel_scope.cancel()
        await _answer(send, status, said)

    async def _streamed(self, task: Task, receive: Any, send: Any) -> None:
        """Frames as NDJSON, one a line; at last the result or the error."""
        start = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": [(b"content-type", b"application/x-ndjson")]})
        frames, news = cast("list[Frame]", []), [anyio.Event()]

        def show(frame: Frame) -> None:
            frames.append(frame)
            news[0].set()

        async def pump(*, more: bool = True) -> None:
            while True:
                lines = b"".join(json.dumps(frame).encode() + b"\n" for frame in frames)
                frames.clear()
                await send(
                    {"type": "http.response.body", "body": lines or b"\n", "more_body": more}
                )
                if not more:
                    return
                with anyio.move_on_after(10):  # a blank line shows that we live
                    await news[0].wait()
                news[0] = anyio.Event()

        async with anyio.create_task_group() as group:
            group.start_soon(_until_gone, receive, group.cancel_scope)
            group.start_soon(pump)
            status, said = await self._done(task, show)
            group.cancel_scope.cancel()
            last = {"event": "result", "output": said["output"]} if status == 200 else said
            frames.append({"event": "error", **last})
        await pump(more=False)

    async def _done(self, task: Task, show: Show) -> tuple[int, Frame]:
        try:
            said = {"status": "completed", "output": await self._agent.perform(task, show)}
            json.dumps(said)
        except Exception as error:  # noqa: BLE001  -- the edge to the agent's own code
            status = 422 if isinstance(error, Reject) else 503 if isinstance(error, Retry) else 500
            return status, {"error": error_of(error)}
        return 200, said


def signed(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a request bears a good signature of the last 5 min (Standard Webhooks)."""
    message, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not at.isdecimal() or len(at) > 12 or abs(now - int(at)) > SKEW_S:
        return False
    good = base64.b64encode(hmac.digest(key, f"{message}.{at}.".encode() + body, "sha256"))
    given = [one.partition(",") for one in headers.get("webhook-signature", "").split()]
    return any(v == "v1" and hmac.compare_digest(good, mac.encode()) for v, _, mac in given)


def _key(secret: str) -> bytes:
    key = secret.encode()
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    if not key:  # a variable that was not set: anybody could sign with that
        raise ValueError("the secret is empty: leave it out to take tasks of anybody")
    return key


async def _body(receive: Any) -> bytes | None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_MAX_BYTES:
            return None
    return body


async def _until_gone(receive: Any, scope: anyio.CancelScope) -> None:
    """Whoever hangs up wants the task no more."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _answer(send: Any, status: int, said: Frame) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})
