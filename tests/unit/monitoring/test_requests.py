"""Requests are counted by route, method and status; streams while they go on."""

import random
from typing import Any

import pytest

from orchestra.clock import ManualClock
from orchestra.instruments import counter, histogram, measure
from orchestra.monitoring.requests import Measured
from orchestra.security.gateway import Gateway, Policy

pytestmark = pytest.mark.anyio

LABELS = ("route", "method", "status")


async def nothing() -> Any:
    """The body of a request."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def nobody(_: Any) -> None:
    """The client, which hears everything."""


async def ask(
    application: Any,
    clock: ManualClock,
    route: str = "",
    method: str = "GET",
    host: str = "localhost",
) -> None:
    """One request, through the gateway."""

    async def found(scope: Any, receive: Any, send: Any) -> None:
        if route:
            scope["path_template"] = route
        await application(scope, receive, send)

    gateway = Gateway(found, clock, random.Random(1), lambda _, __: True)
    gateway.policy, gateway.measure = Policy(mode="developer"), Measured()
    await gateway(
        {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": "/",
            "query_string": b"",
            "scheme": "http",
            "headers": [(b"host", host.encode())],
            "client": ("127.0.0.1", 2),
            "server": ("127.0.0.1", 1),
        },
        nothing,
        nobody,
    )


def counted(*values: str) -> float:
    return counter("orchestra_http_requests_total", LABELS).totals().get(values, 0)


def timed(route: str) -> tuple[int, float]:
    tally = histogram("orchestra_http_seconds", ("route",)).totals().get((route,))
    return (tally.count, tally.sum) if tally is not None else (0, 0.0)


async def test_an_answer_is_counted_and_timed() -> None:
    clock = ManualClock(0)

    async def application(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 207, "headers": []})
        clock.advance(250)
        await send({"type": "http.response.body", "body": b""})

    await ask(application, clock, "/unit/{id}", "POST")
    await ask(application, clock, "/unit/{id}", "BREW")

    assert counted("/unit/{id}", "POST", "207") == 1
    assert counted("/unit/{id}", "other", "207") == 1
    assert timed("/unit/{id}") == (2, 0.5)


async def test_what_fails_before_it_answers_is_a_500_without_a_route() -> None:
    before = counted("none", "GET", "500")

    async def application(*_: Any) -> None:
        raise RuntimeError("a bug")

    await ask(application, ManualClock(0))

    assert counted("none", "GET", "500") == before + 1


async def test_what_the_gateway_refuses_is_not_counted() -> None:
    reached: list[str] = []

    async def application(*_: Any) -> None:
        reached.append("the application")

    before = counter("orchestra_http_requests_total", LABELS).totals()
    await ask(application, ManualClock(0), host="elsewhere.example")

    assert counter("orchestra_http_requests_total", LABELS).totals() == before
    assert not reached


async def test_a_stream_is_counted_while_it_goes_on_and_not_timed() -> None:
    streams = measure("orchestra_http_streams")
    open_streams: list[float] = []

    async def application(_: Any, __: Any, send: Any) -> None:
        kind = (b"content-type", b"text/event-stream; charset=utf-8")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        open_streams.append(streams.totals()[()])
        await send({"type": "http.response.body", "body": b": hb\n\n", "more_body": True})

    await ask(application, ManualClock(0), "/unit/stream")

    assert open_streams == [1]
    assert streams.totals()[()] == 0
    assert counted("/unit/stream", "GET", "200") == 1
    assert timed("/unit/stream") == (0, 0.0)
