"""Expressions: a CEL profile compiled to Python closures over plain JSON, and `${…}` templates.

    condition = Program("input.score > 0.5 && input.kind in ['mail', 'chat']")
    condition.test({"input": {...}})
    Template({"text": "${input.text}", "note": "for ${input.name}"}).render({"input": {...}})

Only ExpressionFailed is ever raised. An expression sees only dict, list, str, int, float, bool and
None, so no attribute of a Python object can be reached, and every evaluation has a budget of steps
and of new bytes. Pure: no input or output, no clock.
"""

from orchestra.workflows.expressions.budget import (
    BUILT_MAX_BYTES,
    HEIGHT_MAX,
    NESTING_MAX,
    NODES_MAX,
    PATTERN_MAX,
    SOURCE_MAX,
    STEPS_MAX,
    Budget,
)
from orchestra.workflows.expressions.failures import (
    BadPattern,
    ExpressionFailed,
    Malformed,
    Mismatch,
    Missing,
    OverBudget,
    TooLarge,
    UnknownFunction,
)
from orchestra.workflows.expressions.functions import FUNCTIONS, MACROS, signatures
from orchestra.workflows.expressions.functions_json import json_text
from orchestra.workflows.expressions.inspection import Reference
from orchestra.workflows.expressions.program import Program
from orchestra.workflows.expressions.template import Template, template_parts
from orchestra.workflows.expressions.values import NOTHING, Maybe, Scope, Value, text_of

__all__ = (
    "BUILT_MAX_BYTES",
    "FUNCTIONS",
    "HEIGHT_MAX",
    "MACROS",
    "NESTING_MAX",
    "NODES_MAX",
    "NOTHING",
    "PATTERN_MAX",
    "SOURCE_MAX",
    "STEPS_MAX",
    "BadPattern",
    "Budget",
    "ExpressionFailed",
    "Malformed",
    "Maybe",
    "Mismatch",
    "Missing",
    "OverBudget",
    "Program",
    "Reference",
    "Scope",
    "Template",
    "TooLarge",
    "UnknownFunction",
    "Value",
    "json_text",
    "signatures",
    "template_parts",
    "text_of",
)
