"""What the metrics routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.described import Answer, described
from orchestra.monitoring.metrics import documents
from orchestra.monitoring.metrics.admission import (
    MetricTypeFixed,
    MetricUnknown,
    SeriesExhausted,
)
from orchestra.monitoring.metrics.answering import LabelUnknown, QueryTooWide
from orchestra.monitoring.metrics.asking import QueryInvalid
from orchestra.monitoring.metrics.wishes import MetricInvalid
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway

_TEXT: Final = {"title": "Text", "type": "string"}
_RECORDS: Final = (MetricInvalid, MetricTypeFixed, SeriesExhausted, StoreAway)
_ASKS: Final = (MetricUnknown, LabelUnknown, QueryInvalid, QueryTooWide, StoreAway)

RECORD: Final = described(
    {202: Answer("Recorded.", [documents.Recorded])},
    refusals=[*JSON_REFUSALS, *_RECORDS],
    body=documents.MetricRecord,
    body_optional=True,
    examples={
        "a duration": {
            "metric_name": "execution_time",
            "value": 45.2,
            "labels": {"shop": "berlin"},
            "unit": "seconds",
        }
    },
)
BATCH: Final = described(
    {202: Answer("All are recorded.", [documents.BatchRecorded])},
    refusals=[*JSON_REFUSALS, *_RECORDS],
    body=documents.MetricBatch,
    examples={
        "two": {
            "metrics": [
                {"metric_name": "orders", "value": 1, "type": "counter"},
                {"metric_name": "stock", "value": 812, "type": "gauge"},
            ]
        }
    },
)
LIST: Final = described(
    {200: Answer("Metrics that have series.", [documents.MetricPage])}, refusals=[StoreAway]
)
QUERY: Final = described(
    {200: Answer("A value for each step.", [documents.MetricAnswer], headers=["ETag"])},
    refusals=_ASKS,
)
EXPORT: Final = described(
    {
        200: Answer(
            "A line for each value.",
            [_TEXT],
            media_type="text/csv",
            also={"application/x-ndjson": documents.ExportedLine},
        )
    },
    refusals=_ASKS,
)
ONE: Final = described(
    {200: Answer("The metric.", [documents.MetricWhole])}, refusals=[MetricUnknown, StoreAway]
)
FORGET: Final = described(
    {204: Answer("It is forgotten, and may be recorded anew.")},
    refusals=[MetricUnknown, MetricTypeFixed, StoreAway, NotReplicated],
)
OVERVIEW: Final = described(
    {200: Answer("Everything at a glance.", [documents.Overview])},
    refusals=[QueryInvalid, StoreAway],
)
SERVICES: Final = described(
    {200: Answer("How each part is.", [documents.ServicesShown])}, refusals=[StoreAway]
)
EXPOSITION: Final = described(
    {
        200: Answer(
            "Prometheus text, or OpenMetrics for those who accept it.",
            [_TEXT],
            media_type="text/plain; version=0.0.4",
            also={"application/openmetrics-text; version=1.0.0": _TEXT},
        )
    }
)
