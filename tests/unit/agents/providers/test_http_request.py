"""The request to an HTTP agent: keys, ids, traces, limits."""

from typing import Any

import msgspec
from agent_replicas import a_task

from orchestra.agents.providers import Call
from orchestra.agents.providers.http_request import (
    body_of,
    envelope_of,
    headers_of,
    idempotency_key,
    message_id,
    trace_headers,
)
from orchestra.agents.records import Agent, Budget, HttpReach, Registration
from orchestra.clock import ManualClock
from orchestra.store.keys import DEFAULT_TENANT

REACH = HttpReach("https://h/run")
CALLERS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_agent(**fields: Any) -> Agent:
    spec = Registration("far", "remote", "http", reach=REACH, **fields)
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


def a_call(n: int = 1, failures: int = 0, **task: Any) -> Call:
    return Call(a_task("remote", **task), "echo", 9_000, 7, n, None, failures)


def test_the_key_stays_until_the_agent_has_failed_for_certain() -> None:
    task = a_task("remote", key="orc-abc")

    again = [idempotency_key(task, failures) for failures in (0, 0, 1, 2, 2)]

    assert again[0] == again[1] == "orc-abc"
    assert again[3] == again[4]
    assert len(set(again)) == 3
    assert all(len(key) == 30 for key in again[2:])


def test_each_message_has_an_id_of_its_own() -> None:
    ids = [message_id(a_call(n, attempt=attempt)) for n, attempt in ((1, 1), (2, 1), (1, 2))]

    assert ids == ["tsk_1.1", "tsk_1.1.2", "tsk_1.2"]


def test_the_callers_trace_goes_on_with_a_span_for_each_call() -> None:
    first, second = (trace_headers(a_call(n, trace=f"{CALLERS} a=1,b=2")) for n in (1, 2))

    assert first["tracestate"] == "a=1,b=2"
    assert first["traceparent"].startswith(CALLERS[:36])
    assert first["traceparent"].endswith("-01")
    assert len({first["traceparent"], second["traceparent"], CALLERS}) == 3


def test_without_one_all_steps_of_an_execution_share_a_trace() -> None:
    one, other = (
        trace_headers(Call(a_task(execution="exe_1", attempt=n), None, 1, n))["traceparent"]
        for n in (1, 2)
    )

    assert one[:36] == other[:36]
    assert one != other
    assert one.endswith("-00")


def test_async_is_wished_for_and_a_callback_goes_into_the_envelope() -> None:
    class Waited:
        callback_url, token = "https://o/callback", "secret"

    reach = msgspec.structs.replace(REACH, later=True)
    headers = headers_of(reach, a_call(), ManualClock())
    body = msgspec.json.decode(body_of(an_agent(), reach, a_call(), ManualClock(), Waited()))  # type: ignore[arg-type]

    assert headers["prefer"] == "respond-async"
    assert headers["accept"] == "application/json, application/x-ndjson, text/event-stream"
    assert body["callback"] == {
        "url": "https://o/callback", "token": "secret", "heartbeat_s": 30,
    }  # fmt: skip
    assert "prefer" not in headers_of(REACH, a_call(), ManualClock())


def test_the_smaller_budget_is_the_limit_of_a_call() -> None:
    agent = an_agent(budget=Budget(task_micro_usd=50_000))

    assert envelope_of(agent, a_call(), ManualClock())["limits"] == {
        "max_output_tokens": None,
        "max_cost_usd": "0.05",
    }
    smaller = envelope_of(agent, a_call(budget_micro_usd=1), ManualClock())["limits"]
    assert smaller == {"max_output_tokens": None, "max_cost_usd": "0.000001"}
    none = envelope_of(an_agent(), a_call(), ManualClock())["limits"]
    assert none == {"max_output_tokens": None, "max_cost_usd": None}
