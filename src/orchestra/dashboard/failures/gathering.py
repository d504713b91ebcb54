"""Failures of all modules, as their interface tells them, and trying them again.

Bounded: the newest 1,000 executions, 200 dead letters of 20 queues, 200 tries of 50 webhooks. What
was not looked at is said, never guessed.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from urllib.parse import quote

import anyio
import msgspec

from orchestra.dashboard.asking import Api, Viewer
from orchestra.dashboard.failures.fingerprints import Failure
from orchestra.dashboard.wording import at_ms
from orchestra.errors import OrchestraError
from orchestra.instants import instant

PAGE: Final = 200
EXECUTIONS_MAX: Final = 1_000
QUEUES_MAX: Final = 20
WEBHOOKS_MAX: Final = 50
AT_ONCE: Final = 8

Document = dict[str, Any]


class Gathered(msgspec.Struct):
    """What was found since. `left_out`: what was not looked at, and why."""

    since_ms: int
    failures: list[Failure] = msgspec.field(default_factory=list[Failure])
    left_out: list[str] = msgspec.field(default_factory=list[str])


class Tried(msgspec.Struct):
    """What came of trying again."""

    done: int = 0
    refused: int = 0


async def gather(api: Api, asker: Viewer, since_ms: int) -> Gathered:
    """Everything that failed since, as far as `asker` may see it."""
    found = Gathered(since_ms)
    may = asker.principal.permissions

    async def part(name: str, permission: str, ask: Callable[[], Awaitable[None]]) -> None:
        if permission not in may:
            found.left_out.append(f"{name}: needs {permission}")
            return
        try:
            await ask()
        except OrchestraError as error:
            found.left_out.append(f"{name}: {error.detail}")

    parts = _Parts(api, asker, found)
    async with anyio.create_task_group() as group:
        group.start_soon(part, "executions", "executions:read", parts.executions)
        group.start_soon(part, "dead letters of queues", "queues:read", parts.queues)
        group.start_soon(part, "dead letters of readers", "events:read", parts.readers)
        group.start_soon(part, "webhook deliveries", "webhooks:read", parts.webhooks)
    found.left_out.sort()
    return found


class _Parts:
    def __init__(self, api: Api, asker: Viewer, found: Gathered) -> None:
        self._api, self._asker, self._found = api, asker, found
        self._since = instant(found.since_ms)

    async def _get(self, path: str, **query: object) -> Document:
        return await self._api.get(self._asker, path, query)

    async def executions(self) -> None:
        cursor, seen = "", 0
        while seen < EXECUTIONS_MAX:
            page = await self._get(
                "/api/executions", status="failed", started_after=self._since, limit=PAGE,
                cursor=cursor,
            )  # fmt: skip
            for one in page["items"]:
                error: Document = one["error"] or {}
                self._found.failures.append(
                    Failure(
                        "execution", one["id"], (one["workflow_id"], one["workflow_name"]),
                        str(error.get("step", "")), str(error.get("code", "unknown")),
                        str(error.get("message", "")), int(at_ms(one["ended_at"])),
                    )
                )  # fmt: skip
            seen, cursor = seen + len(page["items"]), page["next_cursor"]
            if not cursor:
                return
        self._found.left_out.append(f"executions: older ones than the last {EXECUTIONS_MAX:,}")

    async def queues(self) -> None:
        listed = await self._get("/api/queues", limit=PAGE)
        dead = sorted((q for q in listed["queues"] if q["dead"]), key=lambda q: -q["dead"])
        if len(dead) > QUEUES_MAX or listed.get("cursor"):
            self._found.left_out.append(f"dead letters of queues: only {QUEUES_MAX} queues")
        for queue in dead[:QUEUES_MAX]:
            name = str(queue["name"])
            path = f"/api/queues/{name}/dead"
            page = await self._get(path, since=self._since, limit=PAGE)
            if page["cursor"]:
                told = f"dead letters of queue {name}: more than the first {PAGE}"
                self._found.left_out.append(told)
            for one in page["messages"]:
                self._found.failures.append(
                    Failure(
                        "dead_letter", one["id"], (name, name), "", one["kind"], one["error"],
                        int(at_ms(one["died_at"])),
                    )
                )  # fmt: skip

    async def readers(self) -> None:
        for name in (await self._get("/api/events/readers"))["readers"]:
            page = await self._get(f"/api/events/readers/{name}/dead", limit=PAGE)
            for one in page["letters"]:
                died_ms = int(at_ms(one["died_at"]))
                if died_ms >= self._found.since_ms:
                    self._found.failures.append(
                        Failure(
                            "reader", one["id"], (name, name), str(one["event"].get("type", "")),
                            "dead", one["error"], died_ms,
                        )
                    )  # fmt: skip

    async def webhooks(self) -> None:
        listed = await self._get("/api/webhooks", limit=PAGE)
        if len(listed["webhooks"]) > WEBHOOKS_MAX or listed.get("cursor"):
            self._found.left_out.append(f"webhook deliveries: only {WEBHOOKS_MAX} webhooks")
        for hook in listed["webhooks"][:WEBHOOKS_MAX]:
            path = f"/api/webhooks/{hook['id']}/deliveries"
            page = await self._get(path, since=self._since, limit=PAGE)
            seen: set[str] = set()
            for one in page["deliveries"]:
                over = one["delivery"] in seen  # the newest try of a delivery decides
                seen.add(one["delivery"])
                if over or one["result"] != "dead":
                    continue
                code = one["error"] or f"status {one['status']}"
                self._found.failures.append(
                    Failure(
                        "delivery", one["delivery"], (hook["id"], hook["name"]), one["type"],
                        str(code), one["detail"], int(at_ms(one["at"])),
                    )
                )  # fmt: skip


async def try_again(api: Api, asker: Viewer, failures: Iterable[Failure]) -> Tried:
    """Each once. What cannot be tried again, or not by `asker`, is counted as refused."""
    tried = Tried()
    by_subject: dict[tuple[str, str], list[str]] = {}
    for one in failures:
        subject = "" if one.kind == "execution" else one.subject[0]
        by_subject.setdefault((one.kind, subject), []).append(one.id)
    for (kind, subject), ids in by_subject.items():
        for i in range(0, len(ids), PAGE):
            some = ids[i : i + PAGE]
            try:
                done = await _again(api, asker, kind, subject, some)
            except OrchestraError:
                done = 0
            tried.done, tried.refused = tried.done + done, tried.refused + len(some) - done
    return tried


async def _again(api: Api, asker: Viewer, kind: str, subject: str, ids: list[str]) -> int:
    """How many of these it was possible for."""
    at = quote(subject, safe="~")
    if kind == "execution":
        body: Document = {"action": "retry", "ids": ids, "reason": "from the failure inbox"}
        return int((await api.send(asker, "POST", "/api/executions/batch", body))["done"])
    if kind == "dead_letter":
        path = f"/api/queues/{at}/redrive"
        return int((await api.send(asker, "POST", path, {"ids": ids}))["moved"])
    if kind == "reader":
        path = f"/api/events/readers/{at}/redrive"
        return int((await api.send(asker, "POST", path, {"ids": ids}))["redriven"])
    done, limiter = 0, anyio.CapacityLimiter(AT_ONCE)

    async def one(delivery: str) -> None:
        nonlocal done
        path = f"/api/webhooks/{at}/deliveries/{quote(delivery, safe='')}/redeliver"
        async with limiter:
            try:
                await api.send(asker, "POST", path)
            except OrchestraError:
                return
        done += 1

    async with anyio.create_task_group() as group:
        for delivery in ids:
            group.start_soon(one, delivery)
    return done
