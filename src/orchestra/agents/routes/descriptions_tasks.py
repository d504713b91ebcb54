"""What the routes of tasks say about themselves, for the description of the API."""

from typing import Final

from orchestra.agents import (
    AgentTypeUnknown,
    AgentUnknown,
    NoAgentAvailable,
    NoSuchCapability,
    PoolSaturated,
)
from orchestra.agents.routes import documents_tasks as made
from orchestra.agents.routes.documents import TaskDone
from orchestra.agents.tasks.desk import TaskCancelled, TaskUnknown
from orchestra.agents.tasks.direct import (
    AgentFailed,
    BudgetExhausted,
    DeadlineExceeded,
    InputAmbiguous,
    InputInvalid,
    OutputInvalid,
    RateLimited,
    RetryBudgetExhausted,
    TaskBody,
)
from orchestra.agents.tasks.workers import (
    AttemptSuperseded,
    LeaseLost,
    NotPulled,
    ReportInvalid,
)
from orchestra.described import Answer, Header, described
from orchestra.errors import Unauthenticated
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreFull
from orchestra.store.repeats import IdempotencyMismatch

_PROOF: Final = Header("Authorization", "`Bearer` and the token, or an API key.", 512)
_LEASE: Final = "lse_019ab12e-5b21-7d44-93ab-2c7f6e1d0845.agt_019ab12b-03d5-7f6e-a1c2-9e4d7b8f5a10"
_SAID: Final = (*JSON_REFUSALS, ReportInvalid, LeaseLost, AttemptSuperseded, StoreAway,
                NotReplicated)  # fmt: skip
_TAKEN: Final = Answer("Taken.", [made.Taken])

POLL: Final = described(
    {200: Answer("Tasks.", [made.Polled]), 204: Answer("None came in time; ask again.")},
    refusals=[*JSON_REFUSALS, AgentUnknown, NotPulled, ReportInvalid, StoreAway, StoreFull],
    body=made.PollBody,
    body_optional=True,
    examples={"room for four": {"slots": 4, "wait_s": 25}},
    headers=[_PROOF],
)
BEAT: Final = described(
    {200: Answer("Heard.", [made.BeatTaken])},
    refusals=_SAID,
    body=made.WorkerBeat,
    examples={"text": {"lease": _LEASE, "fence": 17, "delta": "and then"}},
    headers=[_PROOF],
)
COMPLETE: Final = described(
    {200: _TAKEN},
    refusals=_SAID,
    body=made.WorkerDone,
    examples={"done": {"lease": _LEASE, "fence": 17, "output": {"url": "https://example.com/1"}}},
    headers=[_PROOF],
)
FAIL: Final = described(
    {200: _TAKEN},
    refusals=_SAID,
    body=made.WorkerFailed,
    examples={
        "refused": {
            "lease": _LEASE, "fence": 17, "error": {"message": "not an image", "retryable": False},
        }
    },
    headers=[_PROOF],
)  # fmt: skip
CALLBACK: Final = described(
    {200: _TAKEN},
    refusals=[
        *JSON_REFUSALS,
        Unauthenticated,
        ReportInvalid,
        AttemptSuperseded,
        StoreAway,
        NotReplicated,
    ],
    body=made.CallbackBody,
    examples={"done": {"fence": 17, "seq": 2, "status": "completed", "output": {"pages": 12}}},
    headers=[_PROOF],
)
EXECUTE: Final = described(
    {
        200: Answer(
            "Done. With `Accept: text/event-stream`: events, as at `Location`.",
            [TaskDone],
            ["Location", "Preference-Applied", "Idempotency-Replayed"],
            also={"text/event-stream": made.TaskEvents},
        ),
        202: Answer(
            "It goes on: look at it, or at its events, at `Location`.",
            [made.TaskRuns],
            ["Location", "Preference-Applied", "Idempotency-Replayed"],
        ),
    },
    refusals=[
        *JSON_REFUSALS, AgentTypeUnknown, AgentUnknown, NoSuchCapability, InputAmbiguous,
        InputInvalid, OutputInvalid, BudgetExhausted, PoolSaturated, RateLimited, AgentFailed,
        NoAgentAvailable, RetryBudgetExhausted, StoreAway, DeadlineExceeded,
        TaskCancelled, IdempotencyMismatch, TaskUnknown, StoreFull, NotReplicated,
    ],
    body=TaskBody,
    headers=[
        Header("Prefer", "`wait=30`: answer 202 after 30 s, at most 60; `respond-async`: at once."),
        Header("Accept", "`text/event-stream`: what the agent says on the way, as events."),
    ],
    examples={
        "how does it sound": {
            "agent_type": "text_processor",
            "input_data": {
                "task_type": "sentiment_analysis",
                "text": "I'm disappointed with my recent order.",
            },
        },
        "flat": {
            "agent_type": "text_processor",
            "task_type": "sentiment_analysis",
            "text": "Great service, thank you!",
        },
    },
)  # fmt: skip
_ONE: Final = Answer("The task.", [TaskDone, made.TaskRuns, made.TaskFailed])

TASK: Final = described({200: _ONE}, refusals=[TaskUnknown, StoreAway])
CANCEL: Final = described({200: _ONE}, refusals=[TaskUnknown, StoreAway, NotReplicated])
EVENTS: Final = described(
    {200: Answer("Events.", [made.TaskEvents], ["Location"], "text/event-stream")},
    refusals=[TaskUnknown, StoreAway],
)
