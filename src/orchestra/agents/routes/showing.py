"""Agents as callers see them: documents made of what is known. No secret is in any of them."""

from collections.abc import Sequence

from orchestra.agents import Status, TaskError
from orchestra.agents.health.events import Event
from orchestra.agents.health.figures import (
    ERROR_MAX,
    cost_usd,
    merged,
    percentiles,
    series,
    success_rate,
    tasks,
)
from orchestra.agents.health.performance import OUTCOMES, Bucket, Grain
from orchestra.agents.health.states import Look
from orchestra.agents.health.statuses import Checked, Detail, Said
from orchestra.agents.records import Agent, Heartbeat
from orchestra.agents.registration.forms import capability_of, registration_of
from orchestra.instants import instant

Document = dict[str, object]


def shown(agent: Agent, status: Status) -> Document:
    """One agent: its registration with all defaults, and what became of it."""
    spec = agent.spec
    return registration_of(spec) | {
        "id": agent.id,
        "status": status,
        "revision": agent.revision,
        "capabilities": [capability_of(one) for one in spec.capabilities],
        "heartbeat": _heartbeat(spec.heartbeat),
        "registered_at": instant(agent.created_ms),
        "links": links(agent),
    }


def links(agent: Agent) -> dict[str, str]:
    """Where to go from here."""
    links = {"self": f"/api/agents/{agent.id}", "execute": "/api/agents/execute"}
    if agent.spec.heartbeat.mode == "push":
        links["heartbeat"] = f"/api/agents/{agent.id}/heartbeat"
    return links


def shown_health(agent: Agent, detail: Detail, *, active: bool) -> Document:
    """How one agent is, since when and why; `null` is what is not known."""
    state, look = detail.state, detail.look
    return {
        "agent": {"id": agent.id, "name": agent.spec.name},
        "status": state.status,
        "since": None if state.since_ms is None else instant(state.since_ms),
        "reason": state.reason,
        "check": _check(agent, detail.checked, active=active),
        "breaker": None if look is None else _breaker(look),
        "gate": None if look is None else _gate(look),
        "heartbeat": _heard(agent, look, detail.said),
        "slots": {
            "in_use": None if look is None else look.in_use,
            "max": agent.spec.max_concurrency,
        },
    }


def shown_check(error: TaskError | None, ms: int, *, passive: bool) -> Document:
    """What a check that was asked for found."""
    well = None if passive else error is None
    told = None
    if error is not None and not passive:
        told = {"code": error.code, "message": error.message}
    return {"checked": not passive, "well": well, "error": told, "duration_ms": ms}


def shown_events(events: Sequence[Event], cursor: str) -> Document:
    """What happened, oldest first, and where to read on."""
    items = [
        {"id": one.id, "type": one.type, "at": instant(one.at_ms), "data": one.data}
        for one in events
    ]
    return {"items": items, "next_cursor": cursor}


def shown_performance(
    agent: Agent, window: str, read: tuple[Grain, int, list[Bucket]], now_ms: int
) -> Document:
    """What the agent did in a window, and a point a bucket for a small chart."""
    grain, begin_s, buckets = read
    total = merged(buckets)
    duration = percentiles(total, "d", total.get("ms"))
    first = percentiles(total, "f", None)
    count = tasks(total)
    return {
        "agent": {"id": agent.id, "name": agent.spec.name},
        "window": window,
        "from": instant(begin_s * 1_000),
        "to": instant(now_ms),
        "step_s": grain.step_s,
        "error_max": ERROR_MAX,
        "tasks": count,
        "outcomes": {name: total.get(name, 0) for name in OUTCOMES},
        "success_rate": success_rate(total),
        "duration_ms": duration,
        "first_token_ms": {name: getattr(first, name) for name in ("p50", "p90", "p95", "p99")},
        "queue_ms_mean": round(total.get("queue_ms", 0) / count, 3) if count else None,
        "tokens": {
            "input": total.get("in", 0),
            "output": total.get("out", 0),
            "cached": total.get("cached", 0),
        },
        "cost_usd": cost_usd(total),
        "tasks_priced": total.get("priced", 0),
        "series": series(grain, begin_s, now_ms // 1_000, buckets),
    }


def _heartbeat(heartbeat: Heartbeat) -> Document:
    """`{"mode": "none"}`, or what the agent has to do."""
    if heartbeat.mode == "none":
        return {"mode": "none"}
    return {"mode": "push", "interval_s": heartbeat.interval_s, "ttl_s": heartbeat.ttl_s}


def _check(agent: Agent, checked: Checked | None, *, active: bool) -> Document:
    last = None
    if checked is not None:
        last = {
            "at": instant(checked.at_ms),
            "outcome": checked.outcome,
            "duration_ms": checked.ms,
            "message": checked.message or None,
            "failures_in_row": checked.failures,
            "successes_in_row": checked.successes,
        }
    return {
        "mode": "active" if active else "passive",
        "interval_s": agent.spec.health.interval_s if active else None,
        "last": last,
    }


def _breaker(look: Look) -> Document:
    return {
        "state": look.breaker,
        "failures_in_row": look.failures,
        "trips": look.trips,
    }


def _gate(look: Look) -> Document:
    return {
        "closed": look.gated,
        "until": instant(look.gate_ms) if look.gated else None,
        "wait_ms": look.gate_ms - look.now_ms if look.gated else 0,
    }


def _heard(agent: Agent, look: Look | None, said: Said | None) -> Document:
    heard_ms = None if look is None else look.heard_ms
    known = None
    if said is not None:
        known = said.words | {"at": instant(said.at_ms)}
    return _heartbeat(agent.spec.heartbeat) | {
        "late": look is not None and look.late,
        "last_at": None if heard_ms is None else instant(heard_ms),
        "age_s": None if look is None or heard_ms is None else (look.now_ms - heard_ms) / 1_000,
        "said": known,
    }
