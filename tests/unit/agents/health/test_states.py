"""The state of an agent: from what people decided and what the store knows, and nothing else."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.agents import Status
from orchestra.agents.health.states import OFFLINE_MS, Look, state_of
from orchestra.agents.records import Agent, HttpReach, Mode, Registration
from orchestra.store.keys import DEFAULT_TENANT

NOW = 1_795_000_000_000
SPEC = Registration("a", "t", "http", reach=HttpReach("http://192.0.2.1/"), max_concurrency=2)
AGENT = Agent("agt_1", DEFAULT_TENANT, 1, NOW - 10_000, SPEC, since_ms=NOW - 5_000)
WELL = Look(NOW, NOW, alive_until_ms=NOW + 1_000)

looks = st.builds(
    Look,
    now_ms=st.just(NOW),
    judged_ms=st.integers(NOW - 20_000, NOW),
    alive_until_ms=st.none() | st.integers(NOW - 90_000_000, NOW + 90_000_000),
    ttl_ms=st.none() | st.integers(1_000, 86_400_000),
    gate_ms=st.integers(0, NOW + 900_000),
    breaker=st.sampled_from(["closed", "open", "half_open"]),
    failures=st.integers(0, 9),
    trips=st.integers(0, 9),
    failing=st.booleans(),
    told=st.sampled_from(["", "healthy", "unhealthy", "stale", "offline", "misconfigured"]),
    told_ms=st.integers(0, NOW),
    told_reason=st.text(max_size=20),
    in_use=st.integers(0, 9),
)
agents = st.builds(
    lambda mode, provider, told: msgspec.structs.replace(
        AGENT, mode=mode, spec=msgspec.structs.replace(SPEC, provider=provider, told=told)
    ),
    st.sampled_from(get_args(Mode)),
    st.sampled_from(["http", "pull", "mcp"]),
    st.booleans(),
)


@given(agents, st.none() | looks)
def test_every_look_has_one_state_with_a_reason_and_no_future(
    agent: Agent, look: Look | None
) -> None:
    state = state_of(agent, look)

    assert state.status in get_args(Status)
    assert state.reason
    assert state.since_ms is None or state.since_ms <= NOW


@given(agents, looks)
def test_only_who_may_be_picked_is_healthy(agent: Agent, look: Look) -> None:
    state = state_of(agent, look)

    pickable = (
        agent.selectable
        and look.alive_until_ms is not None
        and look.alive_until_ms > look.judged_ms
        and look.gate_ms <= look.now_ms
    )
    if state.status == "healthy":
        assert pickable
        assert look.breaker == "closed"
    if pickable and look.breaker == "closed":
        assert state.status == "healthy"


@given(looks)
def test_what_people_decided_comes_before_everything_else(look: Look) -> None:
    for mode in ("draining", "disabled"):
        agent = msgspec.structs.replace(AGENT, mode=mode)
        assert state_of(agent, look).status == mode
        assert state_of(agent, look).since_ms == AGENT.since_ms


@given(looks)
def test_without_heartbeats_nobody_is_offline(look: Look) -> None:
    silent = msgspec.structs.replace(look, ttl_ms=None)

    assert state_of(AGENT, silent).status != "offline"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"alive_until_ms": None}, "waiting"),
        ({}, "healthy"),
        ({"alive_until_ms": NOW}, "stale"),
        ({"alive_until_ms": NOW, "judged_ms": NOW - 1}, "healthy"),
        ({"alive_until_ms": NOW - OFFLINE_MS + 30_001, "ttl_ms": 30_000}, "stale"),
        ({"alive_until_ms": NOW - OFFLINE_MS + 30_000, "ttl_ms": 30_000}, "offline"),
        ({"gate_ms": NOW + 1}, "degraded"),
        ({"gate_ms": NOW}, "healthy"),
        ({"gate_ms": NOW + 1, "breaker": "open"}, "unhealthy"),
        ({"gate_ms": NOW, "breaker": "open"}, "degraded"),
        ({"gate_ms": NOW, "breaker": "open", "failing": True}, "unhealthy"),
        ({"breaker": "half_open", "failing": True}, "degraded"),
        ({"gate_ms": NOW + 1, "breaker": "half_open"}, "degraded"),
        ({"gate_ms": NOW + 1, "breaker": "open", "told": "misconfigured"}, "misconfigured"),
        ({"told": "misconfigured"}, "healthy"),
    ],
)
def test_each_fact_has_its_state(facts: dict[str, object], status: str) -> None:
    look = msgspec.structs.replace(WELL, **facts)

    assert state_of(AGENT, look).status == status


def test_code_of_this_process_is_healthy_whatever_the_store_says() -> None:
    spec = Registration("a", "t", "python")
    agent = msgspec.structs.replace(AGENT, spec=spec)

    assert state_of(agent, None).status == "healthy"
