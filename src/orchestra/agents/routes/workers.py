"""What workers and agents say about tasks, over HTTP: `/poll`, `/heartbeat`, …, `/callback`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast

import anyio
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, SkipValidation

from orchestra.agents.routes import descriptions_tasks as descriptions
from orchestra.agents.tasks.tokens import TOKEN as PULL_TOKEN
from orchestra.agents.tasks.workers import Document, Worker, Workers
from orchestra.errors import OrchestraError
from orchestra.security import Permission, public, requires

T = TypeVar("T")

Reports = NamedDependency[SkipValidation[Workers]]
Authorization = Annotated[str | None, HeaderParameter(name="Authorization", max_length=512)]
Asking = Request[Any, Any, Any]

# A worker shows the token of its agent, or is somebody who may register agents.
WORKER = [requires(Permission.AGENTS_REGISTER, or_token=PULL_TOKEN)]


class WorkerRoutes(Controller):
    """For workers that come for tasks, and agents that answer later."""

    path = "/api/agents"
    tags = ("agents",)

    @post(
        "/{agent_id:str}/poll",
        status_code=200,
        guards=WORKER,
        opt=descriptions.POLL,
    )
    async def poll(
        self, request: Asking, agent_id: FromPath[str], workers: Reports
    ) -> Response[Document | None]:
        """Take tasks; wait for one if there is none. A poll is a heartbeat."""
        worker, body = await _worker(request, workers), await request.body()
        tasks = await while_connected(request, lambda: workers.poll(worker, agent_id, body))
        return Response({"tasks": tasks}) if tasks else Response(None, status_code=204)

    @post(
        "/tasks/{task:str}/heartbeat",
        status_code=200,
        guards=WORKER,
        opt=descriptions.BEAT,
    )
    async def heartbeat(self, request: Asking, task: FromPath[str], workers: Reports) -> Document:
        """Keep the lease of a task, and show how it goes."""
        worker = await _worker(request, workers)
        return await workers.heartbeat(worker, task, await request.body())

    @post(
        "/tasks/{task:str}/complete",
        status_code=200,
        guards=WORKER,
        opt=descriptions.COMPLETE,
    )
    async def complete(self, request: Asking, task: FromPath[str], workers: Reports) -> Document:
        """Hand in the output of a task. Repeating it is safe."""
        worker = await _worker(request, workers)
        return await workers.complete(worker, task, await request.body())

    @post(
        "/tasks/{task:str}/fail",
        status_code=200,
        guards=WORKER,
        opt=descriptions.FAIL,
    )
    async def fail(self, request: Asking, task: FromPath[str], workers: Reports) -> Document:
        """Say that a task cannot be done, and why. Repeating it is safe."""
        worker = await _worker(request, workers)
        return await workers.fail(worker, task, await request.body())

    @post(
        "/tasks/{task:str}/callback",
        status_code=200,
        guards=[public("token of the task")],
        opt=descriptions.CALLBACK,
    )
    async def callback(self, request: Asking, task: FromPath[str], workers: Reports) -> Document:
        """Say later how a task goes, or how it ended. Repeating a `seq` is safe."""
        given = request.headers.get("authorization")
        return await workers.callback(task, given, await request.body())


async def _worker(request: Asking, workers: Workers) -> Worker:
    principal = cast("dict[str, object]", request.scope).get("principal")
    return await workers.worker(principal, request.headers.get("authorization"))


async def while_connected(request: Asking, work: Callable[[], Awaitable[T]]) -> T | None:
    """What `work` gives; None when the caller went away, and then it is cancelled.

    The body must have been read. A task given to a caller who is gone would be lost for a while.
    """
    result: T | None = None
    refused: OrchestraError | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            result = await work()
        except OrchestraError as error:
            refused = error
        group.cancel_scope.cancel()
    if refused is not None:
        raise refused
    return result
