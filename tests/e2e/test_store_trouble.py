"""The store dies, forgets, refuses: callers are told to wait, and what was accepted completes."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from http_peer import a_peer

from e2e.served import Document, Load, Server, a_store, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

CLIENTS, PAUSE_S = 4, 0.05
BACK_S = 30.0
"""The figure is printed, 2 s are promised; a machine that stalls is not that quick."""
HANGS_S = 6.0
STEPS: tuple[Document, ...] = (
    {"id": "a", "agent_type": "idler", "task_type": "noop", "input_data": {}},
    {"id": "b", "agent_type": "sleeper", "task_type": "sleep", "input_data": {"seconds": 0.2}},
    {"id": "c", "type": "transform", "input_data": {"n": 1}},
)


@pytest.mark.hasty
async def test_a_killed_embedded_store_is_a_pause(tmp_path: Path) -> None:
    async with serving(tmp_path, agents=True) as server:
        load = Load(server, await server.make("steady", *STEPS))

        async def kill() -> float:
            pid = await _pid(server)
            assert pid, "it has a store: it has just started something there"
            os.kill(pid, signal.SIGKILL)
            return await _another_store(server, pid)

        await _under_load(load, kill, kills=3)


@pytest.mark.hasty
async def test_a_killed_external_store_is_a_pause(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        async with serving(tmp_path, "--store-url", store.url, agents=True) as server:
            load, away_s = Load(server, await server.make("steady", *STEPS)), [6.0, 0.0]

            async def kill() -> float:
                store.kill()
                await server.become(503)
                await anyio.sleep(away_s.pop())  # the length of the fault
                store.start()  # by this thread: it dies with the one that started it
                return time.monotonic()

            await _under_load(load, kill, kills=2)


async def _under_load(load: Load, kill: Callable[[], Any], kills: int) -> None:
    """Kill and come back, again and again; then everything that was accepted is found once."""
    server, resumed = load.server, list[float]()
    up_again: list[float] = []
    async with anyio.create_task_group() as group:
        group.start_soon(load.run, CLIENTS, PAUSE_S)
        for _ in range(kills):
            await until(_number_of(load), len(load.accepted).__add__(20).__lt__)
            up_at = await kill()
            up_again.append(time.time())
            await until(_first_start_since(load, up_at), bool)
            resumed.append(await _first_start_since(load, up_at)() - up_at)
            await server.become(200)
        load.stopped = True
    recorded = await load.recorded_once()
    worked = [round(min(at for at in recorded if at > up) - up, 2) for up in up_again]

    refused = [one for one in load.answers if one.status == 503]
    _tell(
        "store killed",
        load,
        expired=server.said("session.expired"),
        worked_s=worked,
        resumed_s=[round(one, 2) for one in resumed],
        refused=len(refused),
    )
    assert not load.wrong("store_away"), load.wrong("store_away")[:5]
    assert max(*resumed, *worked) <= BACK_S
    assert not server.said("never retrieved"), "replies nobody looked at"
    assert not server.said("request.failed")


@pytest.mark.hasty
async def test_cut_connections_and_forgotten_scripts_heal(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        async with serving(tmp_path, "--store-url", store.url, agents=True) as server:
            load, over = Load(server, await server.make("steady", *STEPS)), 0.0
            async with anyio.create_task_group() as group:
                group.start_soon(load.run, CLIENTS, PAUSE_S)
                with store.client() as client:
                    for _ in range(30):
                        await anyio.sleep(0.1)  # the length of the fault
                        client.script_flush()
                        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                over = time.monotonic()
                await until(_first_start_since(load, over), bool)
                await server.become(200)
                load.stopped = True
            healed_s = await _first_start_since(load, over)() - over
            await load.recorded_once()

            _tell("flush and cut", load, healed_s=round(healed_s, 2))
            assert not load.wrong("store_away"), load.wrong("store_away")[:5]
            assert healed_s <= BACK_S
            assert not server.said("never retrieved"), "replies nobody looked at"


async def test_a_full_store_refuses_what_is_new_and_ends_what_runs(tmp_path: Path) -> None:
    with a_store(tmp_path, "--maxmemory", "64mb") as store, store.client() as client:
        options = ("--store-url", store.url, "--network-allow", "127.0.0.0/8")
        async with a_peer() as peer, serving(tmp_path, *options, agents=True) as server:
            peer.says({"output": {"answer": 42}})
            await server.register("remote", peer.url)
            slow = {**STEPS[1], "input_data": {"seconds": 2}}
            remote = {"id": "d", "agent_type": "remote", "task_type": "ask", "input_data": {}}
            workflow = await server.make("slow", slow, remote, STEPS[0], STEPS[2])
            load = Load(server, workflow)
            running = [await server.start(workflow) for _ in range(20)]
            sessions = _sessions(client)

            made = {"name": "one more", "steps": [STEPS[0]]}
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", int(used / 0.98))  # no more than almost full
            refused_s = await until(lambda: _refused(load), bool)
            almost = await _not_created(load, made)
            client.config_set("maxmemory", used * 3 // 4)
            created = await load.ask("create", "POST", "/api/workflows", json=made)
            ended = [await server.ended(one) for one in running]
            kept = _sessions(client)
            await server.become(200)

            client.config_set("maxmemory", "256mb")
            accepted_s = await until(lambda: load.start("again"), bool)

            _tell(
                "memory full", load, refused_s=round(refused_s, 2), accepted_s=round(accepted_s, 2)
            )
            assert not load.wrong("store_full"), load.wrong("store_full")
            for answer in (almost, created):
                assert answer is not None
                assert answer.json()["code"] == "store_full", answer.text
            assert {one["status"] for one in ended} == {"completed"}
            stalled = server.said("lease.fenced") + server.said("session.expired")
            assert kept == sessions or stalled, "a lease was lost"


async def _refused(load: Load) -> bool:
    key = f"new-{len(load.answers)}"
    return await load.start(key) is None


async def _not_created(load: Load, made: Document) -> Any:
    """The answer that refuses it. Others were let in: what ended meanwhile made room."""
    while (answer := await load.ask("create", "POST", "/api/workflows", json=made)) is not None:
        if answer.is_error:
            break
    return answer


def _sessions(client: Any) -> dict[str, set[str]]:
    return {key: set(client.zrange(key, 0, -1)) for key in client.scan_iter("o:{*}:wk")}


async def _another_store(server: Server, former: int) -> float:
    """When the next store process answered, by the monotonic clock."""
    await until(lambda: _pid(server), lambda pid: pid not in (0, former))
    return time.monotonic()


async def _pid(server: Server) -> int:
    return server.store_pid()


def _number_of(load: Load) -> Callable[[], Any]:
    async def count() -> int:
        return len(load.accepted)

    return count


def _first_start_since(load: Load, since: float) -> Callable[[], Any]:
    """When the first start was accepted that was answered after `since`; 0 when none was yet."""

    async def look() -> float:
        good = [
            one.at + one.took_s
            for one in load.answers
            if one.what == "start" and one.status in (200, 202) and one.at + one.took_s > since
        ]
        return min(good, default=0.0)

    return look


def _tell(what: str, load: Load, **figures: Any) -> None:
    slowest = max(one.took_s for one in load.answers)
    figures |= {"answers": len(load.answers), "accepted": len(load.accepted)}
    figures |= {"slowest_s": round(slowest, 2)}
    print(json.dumps({"what": what, **figures}))  # noqa: T201  # the test's figures


@pytest.mark.hasty
async def test_a_store_that_hangs_is_away(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        async with serving(tmp_path, "--store-url", store.url, agents=True) as server:
            load, over = Load(server, await server.make("steady", *STEPS)), 0.0
            async with anyio.create_task_group() as group:
                group.start_soon(load.run, CLIENTS, PAUSE_S)
                await until(_number_of(load), lambda now: now > 20)
                assert store.process is not None
                store.process.send_signal(signal.SIGSTOP)
                await anyio.sleep(HANGS_S)  # the length of the fault
                await server.become(503)
                store.process.send_signal(signal.SIGCONT)
                over = time.monotonic()
                await until(_first_start_since(load, over), bool)
                await server.become(200)
                load.stopped = True
            resumed_s = await _first_start_since(load, over)() - over
            await load.recorded_once()

            _tell("store frozen", load, resumed_s=round(resumed_s, 2))
            assert not load.wrong("store_away"), load.wrong("store_away")[:5]
            assert resumed_s <= BACK_S
