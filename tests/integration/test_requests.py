"""Requests between processes: asked, answered, refused, lost, cancelled; over a real store."""

import sys
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from asking import Question, Reply, a_process, served_by
from products import until
from steady import undisturbed

from orchestra.bus.requests import (
    AnswerLate,
    Asking,
    NobodyServes,
    ProviderLost,
    RequestTooLarge,
    directory,
    wire,
)
from orchestra.bus.requests.module import RequestsModule
from orchestra.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from orchestra.store.failures import StoreFull

pytestmark = pytest.mark.anyio


async def echo(question: Question) -> Reply:
    return Reply(f"{question.tenant}: {question.text}")


def echoes(module: RequestsModule) -> None:
    module.serve("echo", Question, echo)


async def test_a_request_is_answered_by_another_process(store_url: str) -> None:
    async with a_process(store_url, "b", echoes), a_process(store_url, "a") as asking:
        reply = await asking.request("echo", Question("hello", "acme"), Reply, 60_000)

        assert reply == Reply("acme: hello")


async def test_what_is_served_here_is_asked_directly_and_still_bounded(store_url: str) -> None:
    async def never(_: Question) -> Reply:
        await anyio.sleep_forever()
        raise AssertionError

    def both(module: RequestsModule) -> None:
        echoes(module)
        module.serve("never", Question, never)

    async with a_process(store_url, "a", both) as here:
        assert await here.request("echo", Question("x"), Reply, 60_000) == Reply("default: x")
        with pytest.raises(AnswerLate):
            await here.request("never", Question(), Reply, 10)


async def test_nobody_who_serves_is_told_at_once(store_url: str) -> None:
    async with a_process(store_url) as asking:
        with anyio.fail_after(60), pytest.raises(NobodyServes):
            await asking.request("echo", Question(), Reply, 60_000)


async def test_a_patient_request_waits_for_somebody(store_url: str) -> None:
    async with a_process(store_url) as asking:
        replies: list[Reply] = []

        async def ask() -> None:
            wish = Asking(wait_ms=60_000)
            replies.append(await asking.request("echo", Question("now"), Reply, 60_000, wish))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            async with a_process(store_url, "late", echoes):
                with anyio.fail_after(60):
                    while not replies:  # noqa: ASYNC110  -- the state of another process
                        await anyio.sleep(0.01)
        assert replies == [Reply("default: now")]


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no such thing", known=("a", "b")),
        Conflict("not now", id="x"),
        StoreFull(),
        Invalid("wrong", [Problem("/a", "type", "must be text")]),
    ],
)
async def test_errors_of_ours_are_raised_where_it_was_asked(store_url: str, error: Any) -> None:
    async def refuse(_: Question) -> Reply:
        raise error

    def serves(module: RequestsModule) -> None:
        module.serve("refuse", Question, refuse)

    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:
        with pytest.raises(type(error)) as caught:
            await asking.request("refuse", Question(), Reply, 60_000)

    assert caught.value.detail == error.detail
    assert msgspec.to_builtins(caught.value.context) == msgspec.json.decode(
        msgspec.json.encode(error.context)
    )
    if isinstance(error, Invalid):
        assert caught.value.findings == error.findings


async def test_a_bug_of_the_handler_is_unavailable_and_tells_nothing(store_url: str) -> None:
    async def broken(_: Question) -> Reply:
        raise RuntimeError("the password is sesame")

    def serves(module: RequestsModule) -> None:
        module.serve("broken", Question, broken)

    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:
        with pytest.raises(Unavailable) as caught:
            await asking.request("broken", Question(), Reply, 60_000)

    assert type(caught.value) is Unavailable
    assert "sesame" not in caught.value.detail


async def test_many_requests_are_answered_each_with_its_own(store_url: str) -> None:
    async with a_process(store_url, "b", echoes), a_process(store_url, "a") as asking:
        replies: dict[int, Reply] = {}

        async def ask(number: int) -> None:
            replies[number] = await asking.request("echo", Question(str(number)), Reply, 60_000)

        async with anyio.create_task_group() as group:
            for number in range(500):
                group.start_soon(ask, number)

    assert replies == {number: Reply(f"default: {number}") for number in range(500)}


async def test_requests_are_shared_out(store_url: str) -> None:
    counts = [0, 0]

    def counted(which: int) -> Any:
        async def count(question: Question) -> Reply:
            counts[which] += 1
            return await echo(question)

        return lambda module: module.serve("echo", Question, count)

    async with (
        a_process(store_url, "b", counted(0)),
        a_process(store_url, "c", counted(1)),
        a_process(store_url, "a") as asking,
    ):
        await served_by(asking, "echo", 2)
        for _ in range(20):
            await asking.request("echo", Question(), Reply, 60_000)

    assert counts == [10, 10]


async def test_cancelling_a_request_cancels_its_handler(store_url: str) -> None:
    begun, cancelled = anyio.Event(), anyio.Event()

    async def long(_: Question) -> Reply:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    def serves(module: RequestsModule) -> None:
        module.serve("long", Question, long)

    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:
        async with anyio.create_task_group() as group:
            group.start_soon(asking.request, "long", Question(), Reply, 60_000)
            with anyio.fail_after(60):
                await begun.wait()
            group.cancel_scope.cancel()
        with anyio.fail_after(60):
            await cancelled.wait()


async def test_a_handler_ends_with_the_time_of_its_request(store_url: str) -> None:
    cancelled = anyio.Event()

    async def long(_: Question) -> Reply:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    def serves(module: RequestsModule) -> None:
        module.serve("long", Question, long)

    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:

        async def ask() -> None:
            with pytest.raises(AnswerLate):
                await asking.request("long", Question(), Reply, 300)

        await undisturbed(ask, 0.1)
        with anyio.fail_after(60):
            await cancelled.wait()


async def test_what_is_too_large_is_refused_on_either_way(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def big(_: Question) -> Reply:
        return Reply("x" * 2_000)

    def serves(module: RequestsModule) -> None:
        module.serve("big", Question, big)

    monkeypatch.setattr(wire, "BYTES_MAX", 1_000)
    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:
        with pytest.raises(RequestTooLarge):
            await asking.request("big", Question("x" * 2_000), Reply, 60_000)
        with pytest.raises(RequestTooLarge):
            await asking.request("big", Question(), Reply, 60_000)


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_provider_that_leaves_loses_what_it_had(store_url: str, repeatable: bool) -> None:
    begun = anyio.Event()

    async def stuck(_: Question) -> Reply:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    outcome: list[object] = []

    async def ask(asking: RequestsModule) -> None:
        wish = Asking(repeatable=repeatable, wait_ms=60_000)
        try:
            outcome.append(await asking.request("echo", Question("q"), Reply, 60_000, wish))
        except ProviderLost as lost:
            outcome.append(lost)

    async with a_process(store_url, "a") as asking, anyio.create_task_group() as group:
        async with a_process(store_url, "b", lambda module: module.serve("echo", Question, stuck)):
            group.start_soon(ask, asking)
            with anyio.fail_after(60):
                await begun.wait()
        async with a_process(store_url, "c", echoes):
            with anyio.fail_after(60):
                while not outcome:  # noqa: ASYNC110  -- the state of another process
                    await anyio.sleep(0.01)

    if repeatable:
        assert outcome == [Reply("default: q")]
    else:
        assert isinstance(outcome[0], ProviderLost)


async def test_an_inbox_that_is_lost_loses_nothing_that_may_be_repeated(
    store_url: str, store: Any
) -> None:
    begun, go_on, calls = anyio.Event(), anyio.Event(), [0]

    async def slow(question: Question) -> Reply:
        calls[0] += 1
        begun.set()
        await go_on.wait()
        return await echo(question)

    replies: list[Reply] = []

    async def ask(asking: RequestsModule) -> None:
        wish = Asking(repeatable=True, wait_ms=60_000)
        replies.append(await asking.request("echo", Question("q"), Reply, 60_000, wish))

    async with (
        a_process(store_url, "a") as asking,
        a_process(store_url, "b", lambda module: module.serve("echo", Question, slow)),
        anyio.create_task_group() as group,
    ):
        group.start_soon(ask, asking)
        with anyio.fail_after(60):
            await begun.wait()
        for tag in store.partitions:
            prefix = store.prefix(tag)
            for key in await store.call(prefix, "KEYS", prefix + "rq:*"):
                await store.call(prefix, "DEL", key)
        with anyio.fail_after(60):
            while calls[0] < 2:  # noqa: ASYNC110  -- the state of another process
                await anyio.sleep(0.01)
        go_on.set()
        with anyio.fail_after(60):
            while not replies:  # noqa: ASYNC110  -- the state of another process
                await anyio.sleep(0.01)

    assert replies == [Reply("default: q")]


async def test_an_answer_comes_in_parts(store_url: str) -> None:
    async def count(_: Question, send: Any) -> None:
        for number in range(100):
            await send(str(number).encode())

    def serves(module: RequestsModule) -> None:
        module.serve_parts("count", Question, count)

    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:
        parts = [part async for part in asking.request_parts("count", Question(), 60_000)]

    assert parts == [str(number).encode() for number in range(100)]


async def test_closing_an_answer_in_parts_cancels_its_handler(store_url: str) -> None:
    cancelled = anyio.Event()

    async def endless(_: Question, send: Any) -> None:
        try:
            await send(b"first")
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    def serves(module: RequestsModule) -> None:
        module.serve_parts("endless", Question, endless)

    async with a_process(store_url, "b", serves), a_process(store_url, "a") as asking:
        parts = asking.request_parts("endless", Question(), 60_000)
        assert await anext(parts) == b"first"
        await parts.aclose()
        with anyio.fail_after(60):
            await cancelled.wait()


async def test_nothing_is_left_in_the_store_but_what_ends(store_url: str, store: Any) -> None:
    async with a_process(store_url, "b", echoes), a_process(store_url, "a") as asking:
        await asking.request("echo", Question("x"), Reply, 60_000)

    for tag in store.partitions:
        prefix = store.prefix(tag)
        assert await store.call(prefix, "KEYS", prefix + "rq:*") == []
    assert await store.call("o:{meta}:", "HLEN", "o:{meta}:srv") == 0


async def test_a_process_whose_loop_is_busy_for_seconds_is_not_given_up(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "LEASE_S", 8.0)
    script = Path(__file__).parents[1] / "busy_process.py"
    async with await anyio.open_process(
        [sys.executable, str(script), store_url], stdout=None, stderr=None
    ) as busy:
        try:
            async with a_process(store_url) as asking:
                wish = Asking(wait_ms=60_000)
                reply = await asking.request("sleep", Question("10"), Reply, 60_000, wish)
        finally:
            busy.kill()

    assert reply == Reply("slept")


@pytest.mark.hasty
async def test_a_killed_process_is_given_up_within_seconds(store_url: str) -> None:
    script = Path(__file__).parents[1] / "busy_process.py"
    async with (
        await anyio.open_process(
            [sys.executable, str(script), store_url], stdout=None, stderr=None
        ) as busy,
        a_process(store_url) as asking,
    ):
        await served_by(asking, "sleep")
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                with anyio.fail_after(60), pytest.raises(ProviderLost):
                    await asking.request("sleep", Question("60"), Reply, 60_000)

            group.start_soon(ask)
            await until(lambda: asking._caller._waiting)
            busy.kill()
