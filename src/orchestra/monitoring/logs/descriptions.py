"""What the logs routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.described import Answer, Header, described
from orchestra.errors import Invalid
from orchestra.monitoring.logs import documents
from orchestra.monitoring.logs.cursors import LogCursorInvalid
from orchestra.monitoring.logs.ingesting import LogLineInvalid, LogLinesTooMany
from orchestra.monitoring.logs.language import QueryInvalid
from orchestra.monitoring.logs.streaming import LogPositionInvalid, LogStreamsExhausted
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

_ASKS: Final = (Invalid, QueryInvalid, StoreAway)

SEARCH: Final = described(
    {200: Answer("A page.", [documents.LogPage])}, refusals=[*_ASKS, LogCursorInvalid]
)
CONTEXT: Final = described(
    {200: Answer("What stands around it.", [documents.LogContext])}, refusals=_ASKS
)
HISTOGRAM: Final = described({200: Answer("Counts.", [documents.LogHistogram])}, refusals=_ASKS)
EXPORT: Final = described(
    {200: Answer("Lines.", [documents.NdJson], media_type="application/x-ndjson")},
    refusals=_ASKS,
)
TAIL: Final = described(
    {200: Answer("Lines.", [documents.LineStream], media_type="text/event-stream")},
    refusals=[*_ASKS, LogPositionInvalid, LogStreamsExhausted],
    headers=[Header("Last-Event-ID", "Go on behind this id.", 256)],
)
INGEST: Final = described(
    {202: Answer("All of them are kept.", [documents.LogsIngested])},
    refusals=[
        *JSON_REFUSALS,
        LogLineInvalid,
        LogLinesTooMany,
        StoreAway,
        NotReplicated,
        StoreFull,
        StoreDiskFull,
    ],
    body=documents.LogLines,
    examples={
        "a line": {
            "logs": [{"ts": "2026-11-23T08:00:00.123Z", "level": "warn", "message": "stock is low"}]
        }
    },
)
