"""Answers as files: a line for each value there is."""

import csv
import io
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import anyio
import msgspec

from orchestra.instants import instant

MEDIA_TYPES: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_HEAD = ("metric", "agg", "labels", "at", "value")
Row = Mapping[str, Any]


async def exported(answer: Mapping[str, Any], form: str) -> AsyncGenerator[bytes, None]:
    """The file, a series at a time."""
    written = _lines if form == "ndjson" else _table
    if form == "csv":
        yield _csv([_HEAD])
    every = [*answer["series"]]
    if others := answer.get("others"):
        every.append({**others, "labels": {"others": "true"}})
    for series in every:
        if rows := list(_rows(answer, series)):
            yield written(rows)
        await anyio.lowlevel.checkpoint()


def _lines(rows: Sequence[Row]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _table(rows: Sequence[Row]) -> bytes:
    labels = ",".join(f"{name}={value}" for name, value in rows[0]["labels"].items())
    # A spreadsheet would take these for formulas.
    safe = f"'{labels}" if labels.startswith(_DANGEROUS) else labels
    return _csv([(row["metric"], row["agg"], safe, row["at"], row["value"]) for row in rows])


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _rows(answer: Mapping[str, Any], series: Mapping[str, Any]) -> Iterator[Row]:
    begin_ms = round(datetime.fromisoformat(answer["from"]).timestamp() * 1_000)
    head = {"metric": answer["metric"], "agg": answer["agg"], "labels": series["labels"]}
    for i, value in enumerate(series["values"]):
        if value is not None:
            at = instant(begin_ms + i * answer["step_s"] * 1_000)
            yield {**head, "at": at, "value": value}
