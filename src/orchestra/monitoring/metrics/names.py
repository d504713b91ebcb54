"""The metrics of our own: what each is, its unit. Names are the same wherever they are used."""

import difflib
import heapq
from collections.abc import Iterable, Mapping
from typing import Final

from orchestra.monitoring.metrics.series import MICRO

PREFIX: Final = "orchestra_"
NAME_MAX: Final = 128
LIKELY: Final = 20
_UNITS: Final = (
    ("_usd_total", "usd"),
    ("_seconds", "seconds"),
    ("_seconds_total", "seconds"),
    ("_bytes", "bytes"),
    ("_ratio", "ratio"),
)

TOLD: Final[Mapping[str, str]] = {
    "orchestra_executions_total": "Executions that ended.",
    "orchestra_executions_started_total": "Executions that were accepted.",
    "orchestra_execution_seconds": "From acceptance to the end of an execution.",
    "orchestra_steps_total": "Steps that ended for good, and attempts that are tried again.",
    "orchestra_step_seconds": "Of the last attempt of a step.",
    "orchestra_step_wait_seconds": "What the last attempt of a step waited for a slot of an agent.",
    "orchestra_workflow_tokens_total": "Tokens that steps used, failed attempts included.",
    "orchestra_workflow_cost_usd_total": "What steps cost, failed attempts included.",
    "orchestra_events_total": "Events of transitions, by type.",
    "orchestra_agent_tasks_total": "Calls of agents that ended.",
    "orchestra_agent_task_seconds": "How long calls of agents took.",
    "orchestra_agent_first_token_seconds": "Until the first token of an answer.",
    "orchestra_agent_wait_seconds": "Waiting for a slot of an agent.",
    "orchestra_agent_tokens_total": "Tokens of calls of agents.",
    "orchestra_agent_cost_usd_total": "What calls of agents cost, where it is known.",
    "orchestra_http_requests_total": "Requests that were answered.",
    "orchestra_http_seconds": "From a request to the end of its answer. Streams are not in it.",
    "orchestra_loop_lag_seconds": "How late the event loop is.",
    "orchestra_store_seconds": "A round trip to the store, once a second.",
    "orchestra_store_memory_bytes": "What the store uses of its memory.",
    "orchestra_store_memory_max_bytes": "What the store may use; 0: no limit of its own.",
    "orchestra_flush_seconds": "Handing over what was measured in a second.",
    "orchestra_dropped_total": "What was lost because nobody took it in time.",
    "orchestra_series_rejected_total": "Values that are counted under `other`: too many series.",
    "orchestra_build_info": "1; the labels say what runs.",
    "orchestra_streams": "Live streams of events that are open.",
    "orchestra_lease_age_seconds": "Since the lease of this replica was renewed.",
    "orchestra_log_lines_total": "Lines that were logged.",
}


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
