"""`data_analyzer`: a table in figures and in sentences."""

from collections.abc import Mapping, Sequence
from typing import cast

import anyio.to_thread

from orchestra.agents import Capability, PythonAgent, PythonCapability, Reject, Task
from orchestra.connectors.analysis import table
from orchestra.connectors.analysis.columns import describe, read_column
from orchestra.connectors.analysis.insights import Findings, insights
from orchestra.connectors.analysis.relations import correlations, duplicate_rows, trends
from orchestra.connectors.analysis.requests import Reading, plain
from orchestra.errors import Problem

_ROWS_ON_THE_LOOP_MAX = 50
_FIELDS_ON_THE_LOOP_MAX = 50
_CHARACTERS_ON_THE_LOOP_MAX = 4_096


async def data_summary(task: Task) -> object:
    """Figures of every column, relations, and insights. Raises `Reject`."""
    reading = Reading(task.input_data)
    data = reading.data()
    reading.check()
    if _is_small(data):
        return summarise(data)
    return await anyio.to_thread.run_sync(summarise, data, abandon_on_cancel=True)


def summarise(data: object) -> object:
    """The answer for `data`, as plain JSON. Raises `Reject` for text that is no table."""
    try:
        read = table.read(data)
    except table.NotATable as refused:
        raise Reject(str(refused), [Problem("/data", "csv", str(refused))]) from refused
    columns = [read_column(name, cells) for name, cells in read.columns.items()]
    findings = Findings(
        rows=read.rows,
        columns=columns,
        summaries=[describe(column, read.numbers) for column in columns],
        trends=trends(columns),
        correlations=correlations(columns),
        duplicate_rows=duplicate_rows(columns),
        columns_left_out=read.columns_left_out,
        sampled=read.sampled,
    )
    return plain(
        {
            "rows": read.rows,
            "columns": findings.summaries,
            "correlations": findings.correlations,
            "trends": findings.trends,
            "duplicate_rows": findings.duplicate_rows,
            "sampled": read.sampled,
            "insights": insights(findings),
            "method": "statistics",
        }
    )


def _is_small(data: object) -> bool:
    """Whether summing `data` up is quick enough to do beside other work: about 2 ms."""
    if isinstance(data, str):
        return len(data) <= _CHARACTERS_ON_THE_LOOP_MAX
    if isinstance(data, Mapping):
        return _is_flat(cast("Mapping[str, object]", data))
    if isinstance(data, Sequence):
        rows = cast("Sequence[object]", data)
        return len(rows) <= _ROWS_ON_THE_LOOP_MAX and all(map(_is_flat, rows))
    return True


def _is_flat(row: object) -> bool:
    if not isinstance(row, Mapping):
        return not isinstance(row, list | tuple)
    fields = cast("Mapping[str, object]", row)
    return len(fields) <= _FIELDS_ON_THE_LOOP_MAX and not any(
        isinstance(value, Mapping | list | tuple) for value in fields.values()
    )


DATA_ANALYZER = PythonAgent(
    name="data_analyzer-builtin",
    agent_type="data_analyzer",
    description="Sums up a table: figures, trends, outliers, problems, without a model or a key.",
    version="1.0.0",
    capabilities=(
        PythonCapability(
            Capability(
                name="data_summary",
                input_types=("json", "csv"),
                output_types=("json",),
                description="Sums up objects, lists, scalars, columns, or CSV text.",
                input_schema={
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "data": {
                            "description": "rows as objects or lists, values, one object, "
                            "columns of one length, or CSV or JSON text of at most 1 MiB",
                        }
                    },
                },
                output_schema={
                    "type": "object",
                    "required": ["rows", "columns", "insights"],
                    "properties": {
                        "rows": {"type": "integer", "minimum": 0},
                        "columns": {"type": "array"},
                        "correlations": {"type": "array"},
                        "trends": {"type": "array"},
                        "duplicate_rows": {"type": "integer", "minimum": 0},
                        "sampled": {"type": "boolean"},
                        "insights": {"type": "array", "items": {"type": "string"}},
                    },
                },
                idempotent=True,
            ),
            data_summary,
            checked=True,
        ),
    ),
)
