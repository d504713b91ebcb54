"""The metrics of our own: what each is, its unit. Names are the same wherever they are used."""

import difflib
import heapq
from collections.abc import Iterable, Mapping
from typing import Final

from orchestra.monitoring.metrics.series import MICRO

PREFIX: Final = "orchestra_"
NAME_MAX: Final = 128
LIKELY: Final = 6
_UNITS: Final = (
    ("_usd_total", "usd"),
    ("_seconds", "seconds"),
    ("_seconds_total", "seconds"),
    ("_bytes", "bytes"),
    ("_ratio", "ratio"),
)

TOLD: Final[Mapping[str, str]] = {
    "orchestra_executions_started_total": "Executions that were accepted.",
    "orchestra_executions_total": "Executions that ended.",
    "orchestra_execution_seconds": "From acceptance to the end of an execution.",
    "orchestra_executions_live": "Executions that have not ended.",
    "orchestra_steps_total": "Steps that ended for good, and attempts that are tried again.",
    "orchestra_step_seconds": "Of the last attempt of a step.",
    "orchestra_step_wait_seconds": "What the last attempt of a step waited for a slot of an agent.",
    "orchestra_ready_oldest_seconds": "How long the steps next in line have been ready, at most.",
    "orchestra_steps_orphaned": "Steps still held by a replica that died 5 s ago. 0: all is well.",
    "orchestra_steps_put_back_total": "Steps that nobody held and nothing would wake, put back.",
    "orchestra_workflow_tokens_total": "Tokens that steps used, failed attempts included.",
    "orchestra_workflow_cost_usd_total": "What steps cost, failed attempts included.",
    "orchestra_events_total": "Events of transitions, by type.",
    "orchestra_agent_tasks_total": "Calls of agents that ended, also those of no workflow.",
    "orchestra_agent_task_seconds": "How long calls of agents took.",
    "orchestra_agent_first_token_seconds": "Until the first token of an answer.",
    "orchestra_agent_wait_seconds": "Waiting for a slot of an agent.",
    "orchestra_agent_pick_seconds": "One pick of an agent in the store, whatever it ends in.",
    "orchestra_agent_tokens_total": "Tokens of calls of agents.",
    "orchestra_agent_cost_usd_total": "What calls of agents cost, where it is known.",
    "orchestra_agent_slots": "Tasks an agent does at once; of one in the process, a replica's.",
    "orchestra_agent_slots_in_use": "Of them taken.",
    "orchestra_agent_seats": "Slots of all agents whose code runs in the processes.",
    "orchestra_agent_seats_in_use": "Of them taken.",
    "orchestra_agent_slots_reaped_total": "Slots taken back from replicas that died.",
    "orchestra_agent_waiters": "Callers that wait for a slot.",
    "orchestra_agent_wanted": "Tasks that asked for a type lately, and nobody of it was there.",
    "orchestra_agent_retries_total": "Calls after another call of the task had failed.",
    "orchestra_agent_hedges_total": "Second calls beside one that takes long.",
    "orchestra_agent_fallbacks_total": "Tasks that went to a fallback.",
    "orchestra_agent_breaker_opened_total": "Breakers that opened.",
    "orchestra_agent_state": "0 healthy, 1 degraded, 2 stale, 3 unhealthy, 4 offline, "
    "5 misconfigured; nothing of those that wait, drain or are disabled.",
    "orchestra_queue_depth": "Messages that wait, are leased, or come later.",
    "orchestra_queue_oldest_seconds": "How long the oldest ready message has waited.",
    "orchestra_messages_total": "What happened to messages.",
    "orchestra_dead_letters": "Messages that were given up.",
    "orchestra_dead_letters_ratio": "Of the most that are kept: then the oldest go.",
    "orchestra_webhooks": "Endpoints, active and disabled.",
    "orchestra_webhook_deliveries_total": "Tries to deliver an event.",
    "orchestra_webhook_seconds": "How long receivers took.",
    "orchestra_webhook_pending": "Deliveries that wait, or are being made.",
    "orchestra_reader_fell_behind_total": "Times that events were trimmed before they were read.",
    "orchestra_streams": "Live streams of events that are open.",
    "orchestra_http_requests_total": "Requests that were answered.",
    "orchestra_http_seconds": "From a request to the end of its answer. Streams are not in it.",
    "orchestra_http_streams": "Answers that are streams and not over: events, logs, tasks.",
    "orchestra_loop_lag_seconds": "How late the event loop is.",
    "orchestra_lease_age_seconds": "Since the engine's lease was renewed, where that is longest.",
    "orchestra_replicas": "Replicas that told how they are in the last 15 s.",
    "orchestra_replicas_silent": "Replicas that fell silent in the last 5 min, without a goodbye.",
    "orchestra_service_seconds_total": "How long each part was as it was.",
    "orchestra_durability_low": "1: the store keeps less than was asked for.",
    "orchestra_store_seconds": "A round trip to the store, once a second.",
    "orchestra_store_memory_bytes": "What the fullest primary of the store uses of its memory.",
    "orchestra_store_memory_max_bytes": "What it may use; 0: no limit of its own.",
    "orchestra_store_memory_ratio": "Of what it may use; nothing without a limit.",
    "orchestra_flush_seconds": "Handing over what was measured in a second.",
    "orchestra_dropped_total": "What was lost because nobody took it in time.",
    "orchestra_series_rejected_total": "Values that are counted under `other`: too many series.",
    "orchestra_log_lines_total": "Lines that were logged.",
    "orchestra_alerts_firing": "Alerts that fire, by severity.",
    "orchestra_alert_evaluation_seconds": "Judging all rules once.",
    "orchestra_notifications_total": "What contacts were told, and how that went.",
    "orchestra_watchdog_calls_total": "Calls of the watchdog's address.",
    "orchestra_otel_sent_total": "Spans, figures and lines handed to the collector.",
    "orchestra_build_info": "1; the labels say what runs.",
}
"""All of ours: what each tells."""

JOURNAL: Final[Mapping[str, tuple[str, str]]] = {
    "orchestra_executions_started_total": ("counter", "workflow"),
    "orchestra_executions_total": ("counter", "workflow outcome"),
    "orchestra_execution_seconds": ("histogram", "workflow"),
    "orchestra_steps_total": ("counter", "workflow outcome"),
    "orchestra_step_seconds": ("histogram", "workflow step"),
    "orchestra_step_wait_seconds": ("histogram", "workflow step"),
    "orchestra_workflow_tokens_total": ("counter", "workflow agent kind"),
    "orchestra_workflow_cost_usd_total": ("counter", "workflow agent"),
    "orchestra_events_total": ("counter", "type"),
}
"""Those that no process counts by itself: kind and labels. They are read from the journal."""


def unit_of(name: str) -> str:
    """What its values are in; empty: they count."""
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "")


def scale_of(name: str) -> int:
    """How many whole numbers one is, in a counter of ours."""
    return MICRO if unit_of(name) in ("usd", "seconds") else 1


def near(name: str, known: Iterable[str]) -> list[str]:
    """Names that may have been meant. Only those that share most pairs of letters are compared."""
    if len(name) > NAME_MAX:
        return []
    pairs = _pairs(name)
    likely = heapq.nlargest(LIKELY, known, key=lambda one: len(pairs & _pairs(one)))
    return difflib.get_close_matches(name, likely, 3, 0.5)


def _pairs(name: str) -> set[str]:
    return {name[i : i + 2] for i in range(len(name) - 1)}
