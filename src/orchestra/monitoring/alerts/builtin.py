"""The rules that come with the product: on from the beginning, for whoever has what they watch.

They can be turned off, and where they strike can be changed; they cannot be deleted. Those about
the installation belong to the tenant `default`, which is there from the first start.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from orchestra.monitoring.alerts.records import Rule
from orchestra.store.keys import DEFAULT_TENANT, Tenant

CHANGEABLE: Final = (
    "enabled", "threshold", "recover", "for_s", "keep_firing_s", "min_samples", "no_data",
    "severity", "labels", "summary", "runbook", "notify", "group_by", "group_wait_s", "repeat_s",
)  # fmt: skip
"""What may be changed of one; what it watches may not."""
PREFIX: Final = "alr_builtin_"
MINUTE: Final = 60
"""Gauges are looked at for half of one, at their greatest: when another replica begins to tell one,
both have said it in the same slot."""

_OF_TENANTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "agent_errors",
        "name": "Agent errors",
        "metric": "orchestra_agent_tasks_total",
        "agg": "ratio",
        "of": (("outcome", "failed"),),
        "by": ("agent",),
        "window_s": 5 * MINUTE,
        "threshold": 0.10,
        "recover": 0.05,
        "min_samples": 20,
        "keep_firing_s": 5 * MINUTE,
        "summary": "${labels.agent}: ${value} of its calls fail",
    },
    {
        "id": "agent_unhealthy",
        "name": "Agent unhealthy",
        "metric": "orchestra_agent_state",
        "agg": "max",
        "by": ("agent",),
        "window_s": MINUTE // 2,
        "op": ">=",
        "threshold": 3,
        "for_s": MINUTE,
        "summary": "${labels.agent} is unhealthy, offline or refused",
    },
    {
        "id": "agent_missing",
        "name": "Nobody of a wanted type",
        "metric": "orchestra_agent_wanted",
        "agg": "max",
        "by": ("agent_type",),
        "window_s": MINUTE // 2,
        "threshold": 0,
        "for_s": MINUTE // 2,
        "severity": "critical",
        "summary": "${labels.agent_type}: ${value} tasks asked for it, and nobody is there",
    },
    {
        "id": "executions_failed",
        "name": "Executions fail",
        "metric": "orchestra_executions_total",
        "agg": "ratio",
        "of": (("outcome", "failed"),),
        "by": ("workflow",),
        "window_s": 15 * MINUTE,
        "threshold": 0.05,
        "recover": 0.03,
        "min_samples": 20,
        "keep_firing_s": 5 * MINUTE,
        "summary": "${labels.workflow}: ${value} of its executions fail",
    },
    {
        "id": "executions_slow",
        "name": "Executions are slow",
        "kind": "change",
        "metric": "orchestra_execution_seconds",
        "agg": "p95",
        "by": ("workflow",),
        "window_s": 30 * MINUTE,
        "offset_s": 7 * 86_400,
        "threshold": 2,
        "recover": 1.5,
        "min_samples": 20,
        "for_s": 30 * MINUTE,
        "keep_firing_s": 5 * MINUTE,
        "summary": "${labels.workflow}: the slowest take ${value} times as long as a week ago",
    },
    {
        "id": "rollback_failed",
        "name": "Rollback failed",
        "metric": "orchestra_steps_total",
        "agg": "increase",
        "where": (("outcome", "undo_failed"),),
        "by": ("workflow",),
        "window_s": 10 * MINUTE,
        "threshold": 0,
        "severity": "critical",
        "summary": "${labels.workflow}: what steps did could not be undone, ${value} times",
    },
    {
        "id": "queue_waits",
        "name": "Queue waits",
        "metric": "orchestra_queue_oldest_seconds",
        "agg": "max",
        "by": ("queue",),
        "window_s": MINUTE // 2,
        "threshold": 60,
        "recover": 30,
        "for_s": 2 * MINUTE,
        "summary": "${labels.queue}: its oldest message waits for ${value}",
    },
    {
        "id": "dead_letters_grow",
        "name": "Dead letters grow",
        "kind": "change",
        "metric": "orchestra_dead_letters",
        "agg": "max",
        "by": ("queue",),
        "window_s": MINUTE // 2,
        "offset_s": 5 * MINUTE,
        "threshold": 1,
        "for_s": 10 * MINUTE,
        "summary": "${labels.queue}: more and more messages are given up",
    },
    {
        "id": "dead_letters_full",
        "name": "Dead letters nearly full",
        "metric": "orchestra_dead_letters",
        "agg": "max",
        "by": ("queue",),
        "window_s": MINUTE // 2,
        "threshold": 8_000,
        "recover": 7_000,
        "summary": "${labels.queue}: ${value} dead letters of the 10000 that are kept",
    },
    {
        "id": "webhook_disabled",
        "name": "Webhook disabled",
        "metric": "orchestra_webhooks",
        "agg": "max",
        "where": (("state", "disabled"),),
        "window_s": MINUTE // 2,
        "threshold": 0,
        "summary": "${value} webhooks are told nothing more",
    },
    {
        "id": "webhook_fails",
        "name": "Webhook fails",
        "metric": "orchestra_webhook_deliveries_total",
        "agg": "ratio",
        "of": (("outcome", "delivered"),),
        "by": ("webhook",),
        "window_s": 5 * MINUTE,
        "op": "<",
        "threshold": 0.5,
        "recover": 0.7,
        "for_s": 10 * MINUTE,
        "summary": "${labels.webhook}: only ${value} of deliveries arrive",
    },
)
_OF_INSTALLATION: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "steps_orphaned",
        "name": "Steps without a holder",
        "metric": "orchestra_steps_orphaned",
        "agg": "max",
        "window_s": MINUTE // 2,
        "threshold": 0,
        "severity": "critical",
        "summary": "${value} steps run nowhere, and nobody takes them over",
    },
    {
        "id": "store_filling",
        "name": "Store memory over 80 %",
        "metric": "orchestra_store_memory_ratio",
        "agg": "max",
        "window_s": MINUTE // 2,
        "threshold": 0.80,
        "recover": 0.75,
        "summary": "the store uses ${value} of its memory",
    },
    {
        "id": "store_full",
        "name": "Store memory over 90 %",
        "metric": "orchestra_store_memory_ratio",
        "agg": "max",
        "window_s": MINUTE // 2,
        "threshold": 0.90,
        "recover": 0.85,
        "severity": "critical",
        "summary": "the store uses ${value} of its memory: new work is refused soon",
    },
    {
        "id": "store_slow",
        "name": "Store is slow",
        "metric": "orchestra_store_seconds",
        "agg": "p95",
        "window_s": MINUTE,
        "threshold": 0.05,
        "recover": 0.03,
        "for_s": 2 * MINUTE,
        "summary": "a round trip to the store takes ${value}",
    },
    {
        "id": "loop_lag",
        "name": "Event loop is late",
        "metric": "orchestra_loop_lag_seconds",
        "agg": "p95",
        "window_s": MINUTE,
        "threshold": 0.25,
        "recover": 0.1,
        "for_s": 2 * MINUTE,
        "summary": "processes are ${value} late",
    },
    {
        "id": "replica_gone",
        "name": "Replica gone",
        "metric": "orchestra_replicas_silent",
        "agg": "max",
        "window_s": MINUTE // 2,
        "threshold": 0,
        "summary": "${value} replicas have ended without a word",
    },
    {
        "id": "durability_low",
        "name": "Durability too low",
        "metric": "orchestra_durability_low",
        "agg": "max",
        "window_s": MINUTE,
        "threshold": 0,
        "severity": "critical",
        "summary": "the store promises less than was asked for",
    },
    {
        "id": "reader_behind",
        "name": "Reader fell behind",
        "metric": "orchestra_reader_fell_behind_total",
        "agg": "increase",
        "by": ("reader",),
        "window_s": 10 * MINUTE,
        "threshold": 0,
        "summary": "${labels.reader} was overtaken: it may have missed events",
    },
)


@cache
def built_in(tenant: Tenant) -> Sequence[Rule]:
    """Those of a tenant."""
    made = [_rule(tenant, about) for about in _OF_TENANTS]
    if tenant == DEFAULT_TENANT:
        made += [_rule(tenant, {**about, "installation": True}) for about in _OF_INSTALLATION]
    return tuple(made)


def _rule(tenant: Tenant, about: dict[str, Any]) -> Rule:
    fields = {"recover": about["threshold"]} | about
    fields["id"] = PREFIX + about["id"]
    return Rule(tenant=tenant, built_in=True, **fields)
