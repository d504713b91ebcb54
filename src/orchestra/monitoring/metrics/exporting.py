"""Answers as files: a line for each value there is."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from orchestra.instants import instant

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def exported(answer: Mapping[str, Any], form: str) -> tuple[bytes, str]:
    """The file, and its media type."""
    if form == "ndjson":
        lines = [msgspec.json.encode(row) for row in _rows(answer)]
        return b"".join(line + b"\n" for line in lines), "application/x-ndjson"
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("metric", "agg", "labels", "at", "value"))
    for row in _rows(answer):
        labels = ",".join(f"{name}={value}" for name, value in row["labels"].items())
        # A spreadsheet would take these for formulas.
        safe = f"'{labels}" if labels.startswith(_DANGEROUS) else labels
        writer.writerow((row["metric"], row["agg"], safe, row["at"], row["value"]))
    return text.getvalue().encode(), "text/csv"


def _rows(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    begin_ms = round(datetime.fromisoformat(answer["from"]).timestamp() * 1_000)
    every = [*answer["series"]]
    if others := answer.get("others"):
        every.append({**others, "labels": {"others": "true"}})
    for series in every:
        for i, value in enumerate(series["values"]):
            if value is not None:
                at = instant(begin_ms + i * answer["step_s"] * 1_000)
                head = {"metric": answer["metric"], "agg": answer["agg"]}
                yield {**head, "labels": series["labels"], "at": at, "value": value}
