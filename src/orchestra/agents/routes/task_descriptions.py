"""What the routes of tasks say about themselves, for the description of the API."""

from typing import Final

from orchestra.agents import AgentUnknown
from orchestra.agents.routes import task_documents as made
from orchestra.agents.tasks.workers import (
    AttemptSuperseded,
    LeaseLost,
    NotAPullAgent,
    ReportInvalid,
)
from orchestra.described import Answer, Header, described
from orchestra.errors import Unauthenticated
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreFull

_PROOF: Final = Header("Authorization", "`Bearer` and the token, or an API key.", 512)
_LEASE: Final = "lse_019ab12e-5b21-7d44-93ab-2c7f6e1d0845.agt_019ab12b-03d5-7f6e-a1c2-9e4d7b8f5a10"
_SAID: Final = (*JSON_REFUSALS, ReportInvalid, LeaseLost, AttemptSuperseded, StoreAway,
                NotReplicated)  # fmt: skip
_TAKEN: Final = Answer("Taken.", [made.Taken])

POLL: Final = described(
    {200: Answer("Tasks.", [made.Polled]), 204: Answer("None came in time; ask again.")},
    refusals=[*JSON_REFUSALS, AgentUnknown, NotAPullAgent, ReportInvalid, StoreAway, StoreFull],
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
