"""The language as a JSON Schema, for editors: made from the tables that the loader reads with.

Agrees with the loader but for rules no schema can say: ids, references, expressions, bounds of
durations, bytes, and what a user's schema must be. `x-expressions`: names and functions for `${…}`.
"""

from typing import Final

from orchestra.workflows.expressions import signatures
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.tables import DEFINITION, NAMES, STEP_SHAPE

ID: Final = "/api/workflows/schema"

_EXAMPLE: Final[dict[str, Json]] = {
    "name": "Sample Workflow",
    "steps": [
        {"agent_type": "text_processor", "task_type": "sentiment_analysis", "text": "Great!"},
        {"agent_type": "data_analyzer", "task_type": "data_summary", "data": [{"order": 1}]},
    ],
}


def language_schema() -> dict[str, Json]:
    """JSON Schema, draft 2020-12, of a definition as it may be sent, short forms included."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "Workflow definition",
        **DEFINITION.schema(),
        "$defs": {"step": STEP_SHAPE.schema(), **STEP_SHAPE.definitions()},
        "examples": [_EXAMPLE],
        "x-expressions": {"names": list(NAMES), "functions": signatures()},
    }
