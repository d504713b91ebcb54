"""The charts of `/monitoring`: which figures stand beside each other, and what they are called."""

from typing import Final

import msgspec


class Ask(msgspec.Struct, frozen=True):
    """One question to `/api/metrics/query`. `name` is the series' where no label says it."""

    metric: str
    agg: str
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    name: str = ""


class Panel(msgspec.Struct, frozen=True):
    """A chart. `empty` says when there will be something to see."""

    key: str
    title: str
    asks: tuple[Ask, ...]
    unit: str = "count"
    bars: bool = False
    empty: str = "Nothing was measured in this time."


class Section(msgspec.Struct, frozen=True):
    """Charts that belong together."""

    key: str
    title: str
    panels: tuple[Panel, ...]


def _percentiles(metric: str, *names: str) -> tuple[Ask, ...]:
    return tuple(Ask(metric, name, name=name) for name in names)


_ENDED: Final = "orchestra_executions_total"
_TASKS: Final = "orchestra_agent_tasks_total"
_NO_RUNS: Final = "No execution ended in this time."
_NO_CALLS: Final = "No agent was called in this time."
_NO_QUEUES: Final = "No queue was used in this time."
_FAILED: Final = ("outcome:failed",)
_P: Final = ("p50", "p95", "p99")

SECTIONS: Final = (
    Section("executions", "Executions", (
        Panel("ended", "Executions that ended", (Ask(_ENDED, "increase", ("outcome",)),),
              bars=True, empty=_NO_RUNS),
        Panel("duration", "Duration of executions",
              _percentiles("orchestra_execution_seconds", *_P), "seconds", empty=_NO_RUNS),
        Panel("failing", "Share of executions that fail",
              (Ask(_ENDED, "ratio", ("workflow",), of=_FAILED),), "ratio", empty=_NO_RUNS),
        Panel("steps", "Duration of steps, p95",
              (Ask("orchestra_step_seconds", "p95", ("step",)),), "seconds",
              empty="No step ran in this time."),
        Panel("live", "Executions that are open",
              (Ask("orchestra_executions_live", "max", ("state",)),)),
        Panel("events", "Events", (Ask("orchestra_events_total", "increase", ("type",)),),
              bars=True, empty="Nothing happened in this time."),
    )),
    Section("agents", "Agents", (
        Panel("load", "Slots in use", (Ask("orchestra_agent_slots_in_use", "max", ("agent",)),),
              empty=_NO_CALLS),
        Panel("calls", "Calls of agents", (Ask(_TASKS, "increase", ("outcome",)),), bars=True,
              empty=_NO_CALLS),
        Panel("answers", "Answers of agents, p95",
              (Ask("orchestra_agent_task_seconds", "p95", ("agent",)),), "seconds",
              empty=_NO_CALLS),
        Panel("agent-errors", "Share of calls that fail",
              (Ask(_TASKS, "ratio", ("agent",), of=_FAILED),), "ratio", empty=_NO_CALLS),
        Panel("tokens", "Tokens", (Ask("orchestra_agent_tokens_total", "increase", ("kind",)),),
              bars=True, empty="No model was asked in this time."),
        Panel("cost", "Cost", (Ask("orchestra_agent_cost_usd_total", "increase", ("agent",)),),
              "usd", bars=True, empty="No call in this time has a price that is known."),
    )),
    Section("queues", "Queues and webhooks", (
        Panel("depth", "Waiting in queues", (Ask("orchestra_queue_depth", "max", ("queue",)),),
              empty=_NO_QUEUES),
        Panel("age", "Age of the oldest message",
              (Ask("orchestra_queue_oldest_seconds", "max", ("queue",)),), "seconds",
              empty=_NO_QUEUES),
        Panel("dead", "Dead letters", (Ask("orchestra_dead_letters", "max", ("queue",)),),
              empty=_NO_QUEUES),
        Panel("deliveries", "Deliveries of webhooks",
              (Ask("orchestra_webhook_deliveries_total", "increase", ("outcome",)),), bars=True,
              empty="Nothing was delivered in this time."),
    )),
    Section("installation", "Installation", (
        Panel("requests", "Requests over HTTP",
              (Ask("orchestra_http_requests_total", "increase", ("status",)),), bars=True),
        Panel("http", "Answers over HTTP", _percentiles("orchestra_http_seconds", *_P), "seconds"),
        Panel("memory", "Memory of the store",
              (Ask("orchestra_store_memory_bytes", "max", name="used"),), "bytes"),
        Panel("store", "Round trips to the store",
              _percentiles("orchestra_store_seconds", *_P), "seconds"),
        Panel("loop", "Lag of the event loop",
              _percentiles("orchestra_loop_lag_seconds", *_P), "seconds"),
        Panel("streams", "Streams that are open",
              (Ask("orchestra_streams", "max", name="events"),
               Ask("orchestra_http_streams", "max", name="all"))),
    )),
)  # fmt: skip
BY_KEY: Final = {panel.key: panel for section in SECTIONS for panel in section.panels}
