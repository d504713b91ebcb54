"""What the workflows and executions routes say about themselves, for the description of the API."""

from typing import Any, Final

from orchestra.described import Answer, Header, described
from orchestra.errors import Invalid, NotFound, TooLarge
from orchestra.security.bodies import RequestInvalid
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.workflows.catalogue.plans import (
    NoSuchVersion,
    NoSuchWorkflow,
    VersionMismatch,
    WorkflowAmbiguous,
    WorkflowArchived,
)
from orchestra.workflows.catalogue.workflows import DefinitionInvalid
from orchestra.workflows.history.batching import Batch, BatchRunning
from orchestra.workflows.history.executions import Control, NoSuchStep, WrongState
from orchestra.workflows.history.reader import NoSuchExecution
from orchestra.workflows.history.signals import NoSuchSignal, Send, SignalAnswered, SignalTooLate
from orchestra.workflows.language.schema import language_schema
from orchestra.workflows.routes import (
    batch_documents,
    documents,
    execution_documents,
    inspection_documents,
    step_documents,
)
from orchestra.workflows.running.starting import InputInvalid, Start

KEY_MAX: Final = 255

_LANGUAGE: Final = language_schema()
_SAMPLE: Final[dict[str, Any]] = {
    "name": "Customer Support Analysis",
    "description": "Understand what a customer wants, beside the orders",
    "steps": [
        {
            "agent_type": "text_processor",
            "task_type": "sentiment_analysis",
            "text": "I'm disappointed with my recent order. It arrived late and damaged.",
        },
        {"agent_type": "text_processor", "task_type": "text_analysis", "analysis_type": "intent"},
        {
            "agent_type": "data_analyzer",
            "task_type": "data_summary",
            "data": [{"order": 1, "total": 120.5}, {"order": 2, "total": 80.0}],
        },
    ],
}
_DEFINITIONS: Final = {"three agents, one after the other": _SAMPLE}
_WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)
_FIND: Final = (NoSuchWorkflow, WorkflowAmbiguous, StoreAway)
_SEE: Final = (NoSuchExecution, StoreAway)

CREATE: Final = described(
    {
        201: Answer("Saved.", [documents.WorkflowSaved], ["Location"]),
        200: Answer(
            "This `Idempotency-Key` made it before.",
            [documents.WorkflowSaved],
            ["Location", "Idempotency-Replayed"],
        ),
    },
    refusals=[*JSON_REFUSALS, DefinitionInvalid, IdempotencyMismatch, *_WRITES],
    body=_LANGUAGE,
    examples=_DEFINITIONS,
)
LIST: Final = described(
    {200: Answer("A page.", [documents.WorkflowPage])}, refusals=[Invalid, StoreAway]
)
VALIDATE: Final = described(
    {200: Answer("What was found.", [documents.Validated])},
    body=_LANGUAGE,
    examples=_DEFINITIONS,
)
SCHEMA: Final = described(
    {
        200: Answer(
            "A JSON Schema.",
            [{"title": "JsonSchema", "type": "object"}],
            media_type="application/schema+json",
        )
    }
)
SHOW: Final = described(
    {200: Answer("The workflow.", [documents.WorkflowShown], ["ETag"])}, refusals=_FIND
)
SAVE: Final = described(
    {200: Answer("Saved, or the same as before.", [documents.WorkflowSaved], ["ETag"])},
    refusals=[
        *JSON_REFUSALS,
        NoSuchWorkflow,
        VersionMismatch,
        DefinitionInvalid,
        Invalid,
        *_WRITES,
    ],
    body=_LANGUAGE,
    examples=_DEFINITIONS,
)
ARCHIVE: Final = described({204: Answer("Archived.")}, refusals=[NoSuchWorkflow, *_WRITES])
VERSIONS: Final = described({200: Answer("All of them.", [documents.VersionPage])}, refusals=_FIND)
VERSION: Final = described(
    {200: Answer("The version.", [documents.WorkflowShown])},
    refusals=[NoSuchVersion, NotFound, *_FIND],
)
EXECUTE: Final = described(
    {
        202: Answer(
            "Accepted for good. With `Prefer: wait=…`: the status, and it has not ended.",
            [execution_documents.Accepted, execution_documents.Execution],
            ["Location", "Preference-Applied", "Idempotency-Replayed"],
        ),
        200: Answer(
            "This `Idempotency-Key` started it before; or, with `Prefer: wait=…`, it has ended.",
            [execution_documents.Accepted, execution_documents.Execution],
            ["Location", "Preference-Applied", "Idempotency-Replayed"],
        ),
    },
    refusals=[
        *JSON_REFUSALS,
        RequestInvalid,
        Invalid,
        TooLarge,
        NoSuchVersion,
        *_FIND,
        WorkflowArchived,
        InputInvalid,
        IdempotencyMismatch,
        *_WRITES,
    ],
    body=Start,
    body_optional=True,
    examples={
        "with an input": {"input_data": {"customer": "c-17", "text": "Where is my order?"}},
        "labelled, and not for longer than a minute": {
            "input_data": {},
            "labels": {"team": "support"},
            "timeout": "1m",
        },
    },
    headers=[
        Header("Idempotency-Key", "The same key starts one execution, for 24 hours.", KEY_MAX),
        Header("Prefer", "`wait=30` answers when it ended, or after 30 s; at most 300."),
    ],
)

EXECUTIONS: Final = described(
    {200: Answer("A page.", [execution_documents.ExecutionPage])}, refusals=[Invalid, StoreAway]
)
COUNT: Final = described(
    {200: Answer("How many.", [batch_documents.Counted])}, refusals=[StoreAway]
)
BATCH: Final = described(
    {
        200: Answer(
            "What was done to each; with `dry_run`, how many it would be.",
            [batch_documents.BatchDone, batch_documents.BatchCounted],
            ["Idempotency-Replayed"],
        )
    },
    refusals=[
        *JSON_REFUSALS, RequestInvalid, Invalid, IdempotencyMismatch, BatchRunning, *_WRITES,
    ],
    body=Batch,
    examples={
        "how many would be tried again": {
            "action": "retry", "filter": {"status": "failed", "error": "agent"}, "dry_run": True,
        },
        "these two": {
            "action": "cancel", "reason": "wrong price list",
            "ids": [
                "exe_019ab12d-77a0-7e05-8b14-5d2c9e3f6071",
                "exe_019ab12d-77a0-7e05-8b14-5d2c9e3f6072",
            ],
        },
    },
    headers=[Header("Idempotency-Key", "The same key does one page once, for 24 h.", KEY_MAX)],
)  # fmt: skip
STATUS: Final = described(
    {200: Answer("Where it stands.", [execution_documents.Execution])}, refusals=_SEE
)
LOGS: Final = described(
    {200: Answer("Log lines.", [execution_documents.Logs])}, refusals=[Invalid, *_SEE]
)
HISTORY: Final = described(
    {200: Answer("Transitions.", [execution_documents.History])}, refusals=_SEE
)
STEPS: Final = described(
    {200: Answer("A page.", [execution_documents.StepPage])}, refusals=[Invalid, *_SEE]
)
STEP: Final = described(
    {200: Answer("The step.", [step_documents.StepWhole])}, refusals=[NoSuchStep, *_SEE]
)
INPUT: Final = described({200: Answer("It.", [inspection_documents.Given])}, refusals=_SEE)
TIMELINE: Final = described(
    {200: Answer("What happened when.", [inspection_documents.Timeline])}, refusals=[Invalid, *_SEE]
)
PREVIEW: Final = described(
    {200: Answer("What a rollback would do.", [inspection_documents.Preview])}, refusals=_SEE
)
SIGNAL: Final = described(
    {
        202: Answer("It counts.", [execution_documents.Signalled], ["Location"]),
        200: Answer(
            "This `Idempotency-Key` sent it before.",
            [execution_documents.Signalled],
            ["Location", "Idempotency-Replayed"],
        ),
    },
    refusals=[
        *JSON_REFUSALS, RequestInvalid, Invalid, TooLarge, NoSuchExecution, NoSuchSignal,
        SignalAnswered, SignalTooLate, WrongState, IdempotencyMismatch, StoreAway, NotReplicated,
    ],
    body=Send,
    examples={"the payment came": {"name": "payment.received", "payload": {"amount": 120.5}}},
    headers=[Header("Idempotency-Key", "The same key sends one signal.", KEY_MAX)],
)  # fmt: skip
CONTROL: Final = described(
    {202: Answer("Done, or on its way.", [execution_documents.Controlled], ["Location"])},
    refusals=[*JSON_REFUSALS, RequestInvalid, Invalid, NoSuchExecution, WrongState, *_WRITES],
    body=Control,
    body_optional=True,
    examples={"why": {"reason": "the supplier is down"}},
)
