"""Replicas are told to stop, or frozen: what they held is finished, handed over, or refused."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from e2e.served import Document, Server, a_store, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]


def held(name: str, until: Path) -> Document:
    """A step that ends when the file is there, whoever has it."""
    given = {"until": str(until)}
    return {"id": name, "agent_type": "holder", "task_type": "hold", "input_data": given}


QUICK: Document = {"id": "q", "agent_type": "idler", "task_type": "noop", "input_data": {}}


async def test_a_stop_finishes_what_ends_within_the_drain(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    with a_store(tmp_path) as store:
        options = ("--store-url", store.url)
        drain = ("--drain-s", "300", "--drain-notice-s", "0.3")
        async with (
            serving(tmp_path, *options, *drain, agents=True) as leaving,
            serving(tmp_path, *options, agents=True) as staying,
        ):
            short = await leaving.make("short", held("s", enough), QUICK)
            shorts = await _ten_of(short, leaving, staying)
            waiting, refused_s = list[httpx.Response](), 0.0

            async with anyio.create_task_group() as group:
                group.start_soon(_wait, leaving, short, waiting)
                await until(lambda: _newest(staying, short, shorts), bool)
                leaving.signal(signal.SIGTERM)
                refused_s = await _refuses(leaving)
                enough.touch()
            code = await leaving.gone()

            done = [await staying.ended(one) for one in shorts]
            starts = [_of(await staying.history(one, "step.started"), "s") for one in shorts]
            _tell("stop", readyz_503_s=refused_s)
            assert code == 0
            assert [answer.status_code for answer in waiting] == [200]
            assert {one["status"] for one in done} == {"completed"}
            again = sum(len(one) - 1 for one in starts)
            told = leaving.said("step.abandoned") + staying.said("step.abandoned")
            assert not again or told, "a step that ended within the drain ran again"
            await _recorded_once(staying, *shorts)


async def test_a_stop_hands_over_what_is_long(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    with a_store(tmp_path) as store:
        options = ("--store-url", store.url)
        drain = ("--drain-s", "1", "--drain-notice-s", "0")
        async with (
            serving(tmp_path, *options, *drain, agents=True) as leaving,
            serving(tmp_path, *options, agents=True) as staying,
        ):
            long = await leaving.make("long", held("l", enough), QUICK)
            longs = await _ten_of(long, leaving, staying)
            leaving.signal(signal.SIGTERM)
            code = await leaving.gone()
            for execution in longs:
                await _begun(staying, execution, times=2)
            enough.touch()

            done = [await staying.ended(one) for one in longs]
            lost = [item for one in longs for item in await staying.history(one, "step.recovered")]
            assert code == 0
            assert {one["status"] for one in done} == {"completed"}
            told = leaving.said("step.abandoned") + staying.said("step.abandoned")
            assert not lost or told, "it waited for a lease"
            await _recorded_once(staying, *longs)


async def test_a_stop_starts_nothing_more_of_a_chain(tmp_path: Path) -> None:
    first, there = tmp_path / "first", tmp_path / "there"
    there.touch()
    with a_store(tmp_path) as store:
        options = ("--store-url", store.url)
        async with (
            serving(tmp_path, *options, "--drain-notice-s", "0", agents=True) as leaving,
            serving(tmp_path, *options, agents=True) as staying,
        ):
            steps = [held(f"s{i}", there) for i in range(1, 5)]
            chain = await leaving.make("chain", held("s0", first), *steps)
            started = [await leaving.start(chain) for _ in range(5)]
            for execution in started:
                await _begun(staying, execution)
            leaving.signal(signal.SIGTERM)
            await _drains(leaving)
            first.touch()
            code = await leaving.gone()
            done = [await staying.ended(one) for one in started]
            where = [await _pids(staying, one) for one in started]

        assert code == 0
        assert {one["status"] for one in done} == {"completed"}
        later = [set(pids[1:]) for pids in where]
        assert later == [{staying.process.pid}] * 5, "successors were begun while draining"


async def test_a_second_signal_skips_the_waiting(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    with a_store(tmp_path) as store:
        options = ("--store-url", store.url)
        drain = ("--drain-s", "300", "--drain-notice-s", "0.2")
        async with (
            serving(tmp_path, *options, *drain, agents=True) as leaving,
            serving(tmp_path, *options, agents=True) as staying,
        ):
            execution = await leaving.start(await leaving.make("long", held("l", enough), QUICK))
            await _begun(staying, execution)
            leaving.signal(signal.SIGTERM)
            await _refuses(leaving)
            leaving.signal(signal.SIGTERM)
            told = time.monotonic()
            code = await leaving.gone()
            took_s = time.monotonic() - told
            enough.touch()
            ended = await staying.ended(execution)

            _tell("second signal", exit_s=took_s)
            assert code == 0
            assert ended["status"] == "completed"


async def test_a_request_that_waits_for_a_long_step_is_answered_at_a_stop(tmp_path: Path) -> None:
    options = ("--drain-s", "0.5", "--drain-notice-s", "0.2")
    async with serving(tmp_path, *options, agents=True) as leaving:
        long = await leaving.make("long", held("l", tmp_path / "never"))
        waiting, told = list[httpx.Response](), 0.0
        async with anyio.create_task_group() as group:
            group.start_soon(_wait, leaving, long, waiting)
            await until(lambda: _newest(leaving, long, []), bool)
            leaving.signal(signal.SIGTERM)
            told = time.monotonic()
        code = await leaving.gone()
        took_s = time.monotonic() - told

        _tell("stop with a waiting request", exit_s=took_s)
        assert code == 0
        assert [answer.status_code for answer in waiting] == [202]
        assert waiting[0].json()["status"] == "running"
        assert took_s < 45


async def test_a_frozen_replica_records_nothing_and_joins_again(tmp_path: Path) -> None:
    before_it_thaws, after = tmp_path / "before", tmp_path / "after"
    with a_store(tmp_path) as store, store.client() as client:
        options = ("--store-url", store.url)
        async with serving(tmp_path, *options, agents=True) as frozen:
            sessions = _sessions(client)
            # When it thaws, calls of the one are over, so that it goes on with them or hears of
            # its loss, whichever is first; those of the other run on until it has heard.
            over = await frozen.make("over", held("s", before_it_thaws), QUICK)
            running = await frozen.make("running", held("s", after), QUICK)
            quick = await frozen.make("quick", QUICK)
            executions = [await frozen.start(one) for _ in range(20) for one in (over, running)]
            for execution in executions:
                await _begun(frozen, execution)
            # Only now is there anybody else: it was the first to hold each of them.
            async with serving(tmp_path, *options, agents=True) as heir:
                frozen.signal(signal.SIGSTOP)
                for execution in executions:
                    await _begun(heir, execution, times=2)
                before_it_thaws.touch()
                frozen.signal(signal.SIGCONT)
                thawed = time.monotonic()
                await until(lambda: _rejoined(client, sessions), bool)
                joined_s = time.monotonic() - thawed
                await frozen.become(200)
                await until(lambda: _late(frozen), lambda late: late >= len(executions))
                after.touch()
                ended = [await heir.ended(one) for one in executions]
                await _recorded_once(heir, *executions)
                heir.signal(signal.SIGTERM)
                assert await heir.gone() == 0
            last = await frozen.ended(await frozen.start(quick))

            _tell("frozen", late=await _late(frozen), joined_again_s=joined_s)
            assert {one["status"] for one in ended} == {"completed"}
            assert last["status"] == "completed"


async def _refuses(server: Server) -> float:
    """Seconds until it takes nothing new: it says so, or, seen late, it is gone."""
    return await until(server.ready, lambda got: got in (503, 0))


async def _drains(server: Server) -> None:
    """Return when it was told to stop, and claims nothing more."""

    async def said() -> int:
        return server.said("engine.draining")

    await until(said, bool)


async def _ten_of(workflow: str, leaving: Server, staying: Server) -> list[str]:
    """Executions that one server started, and the other one sees begun."""
    started = [await leaving.start(workflow) for _ in range(10)]
    for execution in started:
        await _begun(staying, execution)
    return started


async def _begun(server: Server, execution: str, times: int = 1) -> None:
    """Return when its first step was begun so often."""
    await until(
        lambda: server.history(execution, "step.started"), lambda starts: len(starts) >= times
    )


async def _wait(server: Server, workflow: str, answers: list[httpx.Response]) -> None:
    path, headers = f"/api/workflows/{workflow}/execute", {"Prefer": "wait=60"}
    answers.append(await server.client.post(path, json={}, headers=headers, timeout=120))


async def _newest(server: Server, workflow: str, known: list[str]) -> bool:
    """Whether an execution that nobody knows by its id has begun."""
    answer = await server.client.get("/api/executions", params={"workflow": workflow})
    new = [one["id"] for one in answer.json()["items"] if one["id"] not in known]
    return bool(new) and bool(await server.history(new[0], "step.started"))


async def _recorded_once(server: Server, *executions: str) -> None:
    for execution in executions:
        done = [item["path"] for item in await server.history(execution, "step.completed")]
        assert len(done) == len(set(done)), f"{execution}: {done}"


async def _late(server: Server) -> int:
    return server.said("step.late_result") + server.said("step.abandoned")


async def _pids(server: Server, execution: str) -> list[int]:
    """In which process each step of a chain was done."""
    steps = (await server.status(execution))["steps"]
    return [step["output"]["pid"] for step in steps]


async def _rejoined(client: Any, before: set[str]) -> bool:
    """Whether a third session came, which is neither the heir's nor the one that was lost."""
    return len(_sessions(client) - before) >= 2


def _sessions(client: Any) -> set[str]:
    return {name for key in client.scan_iter("o:{*}:wk") for name in client.zrange(key, 0, -1)}


def _of(items: list[Document], path: str) -> list[Document]:
    return [item for item in items if item["path"] == path]


def _tell(what: str, **figures: float) -> None:
    print(json.dumps({"what": what} | {k: round(v, 2) for k, v in figures.items()}))  # noqa: T201  # the figures
