"""The language as tables: every object, its keys, their shapes, defaults and documentation.

Fields and types of step that are part of the language but not of this version are listed too: they
are refused with a finding that says so, and not as something unknown.
"""

from typing import Final

from orchestra.workflows.language.records import Field, Record, Tagged
from orchestra.workflows.language.shapes import (
    AnyObject,
    Anything,
    Choice,
    Deferred,
    Duration,
    Either,
    Flag,
    ListOf,
    Number,
    Text,
    Texts,
)
from orchestra.workflows.language.short_forms import StepShape
from orchestra.workflows.language.tables_wait import NEEDS, NEVER_BOTH, ONE_OF, WAIT
from orchestra.workflows.language.user_schemas import UserSchema

DAY_MS: Final = 86_400_000
STEPS_MAX: Final = 1_000
DEPTH_MAX: Final = 16
NAMES: Final = ("input", "vars", "steps", "execution", "workflow")
ID: Final = "[A-Za-z][A-Za-z0-9_-]{0,63}"
RUN_WHEN: Final = ("none_failed", "all_completed", "any_completed", "any_failed", "all_done")
STEP_TYPES: Final = ("agent", "transform", "set", "emit", "switch", "parallel", "wait")
STRATEGIES: Final = ("least_load", "ewma", "cheapest", "affinity")
LATER_TYPES: Final = ("map", "loop", "workflow", "approval", "fail", "return")

_WORD: Final = "[A-Za-z][A-Za-z0-9_-]*"
_CODE: Final = Text(128, 1, rf"{_WORD}(\.{_WORD})*", 'a code such as "payment.declined"')
_PATTERN: Final = Text(128, 1, rf"\*|{_WORD}(\.{_WORD})*(\.\*)?", 'a code, "prefix.*" or "*"')
_PATTERNS: Final = ListOf(_PATTERN, 64, 1, "a list of codes")
_NAME: Final = Text(128, 1, r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*", "printable, on one line")
_PLAIN: Final = Text(128, 1, r"[^${}\u0000-\u001f]*", "plain: no expression")
_FALLBACK: Final = Text(
    80, 6, "(agent|type|capability):[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", 'such as "type:writer"'
)
_FALLBACKS: Final = ListOf(_FALLBACK, 3, 1, "a list of fallbacks")
_CONDITION: Final = Text(8_200)
_LABELS: Final = Texts()
_LONG: Final = Duration(100, 366 * DAY_MS)
_ATTEMPT: Final = Duration(100, DAY_MS)


def _later(*names: str) -> dict[str, Field]:
    return {
        name: Field(refused=("field.unsupported", f"'{name}' is not available in this version"))
        for name in names
    }


STEPS: Final = ListOf(Deferred("step", lambda: STEP_SHAPE), 2 * STEPS_MAX, 1, "a list of steps")

RETRY: Final = Record(
    "retry",
    {
        "max_attempts": Field(Number(1, 20), "Attempts in all, the first one included.", default=3),
        "backoff": Field(Choice(("exponential", "linear", "fixed")), default="exponential"),
        "initial": Field(Duration(0, DAY_MS), "Delay after the first failure.", default="1s"),
        "factor": Field(Number(1, 100, whole=False), "Of exponential backoff.", default=2),
        "max": Field(Duration(0, DAY_MS), "The longest delay.", default="60s"),
        "jitter": Field(Choice(("full", "equal", "none")), default="full"),
        "on": Field(_PATTERNS, "Codes tried again; by default those the language lists."),
        "not_on": Field(_PATTERNS, "Codes never tried again; wins over 'on'."),
        "max_elapsed": Field(_LONG, "A delay that ends later than this is not waited for."),
    },
)
AGENT_CHOICE: Final = Record(
    "agent",
    {
        "id": Field(_PLAIN, "Id or name of one agent."),
        "type": Field(_PLAIN, "Any agent of this type."),
        "capability": Field(_PLAIN, "Any agent that has this capability."),
        "version": Field(Text(64, 1), "Version, or range of versions."),
        "labels": Field(_LABELS, "Labels the agent must have."),
        "strategy": Field(Choice(STRATEGIES), "How one of several is picked."),
        "fallbacks": Field(_FALLBACKS, "Who is asked, in turn, when nobody of these did it."),
    },
    exactly_one=("id", "type", "capability"),
)
_AGENT: Final = Either(_PLAIN, AGENT_CHOICE)
_ACTION: Final = {
    "agent_type": Field(_PLAIN, "Type of agent that does it."),
    "agent": Field(_AGENT, "Name or id of one agent, or what it must be."),
    "task_type": Field(_PLAIN, "The capability; delivered inside input_data."),
    "input_data": Field(Anything(), "Template: what the agent gets.", default={}),
}
COMPENSATE: Final = Record(
    "compensate",
    {
        **_ACTION,
        "retry": Field(RETRY, "10 attempts by default."),
        "timeout": Field(_ATTEMPT, "Of one attempt."),
        "when_uncertain": Field(
            Flag(), "Also when it is not known whether the step took effect.", default=True
        ),
    },
    exactly_one=("agent_type", "agent"),
)


def _rules(*kinds: str) -> ListOf:
    own = {
        "continue": {"output": Field(Anything(), "Template: recorded as the step's output.")},
        "steps": {"steps": Field(STEPS, "The handler; its output is the step's.", required=True)},
        "fail": {"error": Field(_CODE, "The code to fail with."), "message": Field(Text(4_096))},
        "rollback": {},
    }
    both = {
        "match": Field(_PATTERNS, "Codes this rule is for.", default=["*"]),
        "do": Field(Choice(("continue", "steps", "fail", "rollback")), required=True),
    }
    elsewhere = {key: f'for a rule with "do": "{k}"' for k, keys in own.items() for key in keys}
    rules = {
        kind: Record(f"a rule that does '{kind}'", {**both, **own[kind]}, elsewhere=elsewhere)
        for kind in kinds
    }
    return ListOf(Tagged("a rule", "do", rules, ("next",)), 32, 0, "a list of rules")


_CONTEXT: Final = Field(
    Choice(("auto", "none")),
    "auto: what the capability needs and the step does not give is found by name.",
    default="auto",
)
_TIMES: Final = {
    "timeout": Field(_ATTEMPT, "Of one attempt.", default="2m"),
    "queue_timeout": Field(_LONG, "From ready until an agent has it.", default="5m"),
}
COMMON: Final = {
    "id": Field(
        Text(64, 1, ID, "a letter, then letters, digits, '_' and '-'", "step.id_bad"),
        "By default the name as a slug, else step_N.",
    ),
    "name": Field(_NAME),
    "type": Field(Choice(STEP_TYPES, LATER_TYPES)),
    "description": Field(Text(4_096)),
    "labels": Field(_LABELS),
    "if": Field(_CONDITION, "Condition: false skips the step."),
    "depends_on": Field(
        ListOf(Text(64), STEPS_MAX, 0, "a list of step ids"),
        "Ids of steps of this scope; one makes the whole scope a graph.",
    ),
    "dependencies": Field(ListOf(Text(64), STEPS_MAX), alias_of="depends_on"),
    "run_when": Field(Choice(RUN_WHEN), default="none_failed"),
    "output": Field(Anything(), "Template over 'result': what the step records."),
    "on_error": Field(_rules("continue", "steps", "fail", "rollback"), "The first that fits."),
    "total_timeout": Field(_LONG, "First ready until recorded, waits included."),
    **_later("repair", "effect", "idempotency_key", "cache", "stream", "priority", "next"),
}
_INPUT: Final = {
    "input_data": _ACTION["input_data"],
    "input": Field(Anything(), alias_of="input_data"),
}
_NO_ATTEMPTS: Final = {
    "retry": Field(refused=("step.retry_not_here", "only agent steps are tried again")),
    "compensate": Field(
        refused=("step.compensate_not_here", "only agent steps have a compensation")
    ),
}
_AGENT_FIELDS: Final = {
    **_INPUT,
    **_ACTION,
    "connector": Field(
        Text(257, 1, r"[^.\s${}]+(\.[^\s${}]+)?", 'as "slack.post"'),
        "Short for agent_type and task_type.",
    ),
    "output_schema": Field(UserSchema(), "JSON Schema of the result."),
    "retry": Field(RETRY),
    **_TIMES,
    "heartbeat_timeout": Field(_ATTEMPT, "Since the agent's last sign of life."),
    "compensate": Field(COMPENSATE, "The action that undoes this step."),
    "context": _CONTEXT,
}
_INNER: Final = {
    "steps": Field(STEPS, required=True),
    "output": Field(Anything(), "Template; by default that of the last completed step."),
}
_WHEN: Final = Field(_CONDITION, "Condition.", required=True)
_CASE: Final = Record("a case", {"name": Field(Text(128, 1)), "when": _WHEN, **_INNER})
_BRANCH: Final = Record("a branch", {"id": Field(COMMON["id"].shape, required=True), **_INNER})
_JOIN: Final = Either(Choice(("all", "any")), Number(1, 100))
_EVENT: Final = Text(128, 1, "[A-Za-z0-9][A-Za-z0-9_./-]{0,127}", 'a type such as "order.paid"')
OWN: Final[dict[str, dict[str, Field]]] = {
    "agent": _AGENT_FIELDS,
    "transform": {**_INPUT, **_NO_ATTEMPTS},
    "set": {
        "vars": Field(AnyObject(), "Template: variables to change.", required=True),
        **_NO_ATTEMPTS,
    },
    "emit": {
        "event_type": Field(_EVENT, required=True),
        "payload": Field(Anything(), "Template: at most 256 KiB once rendered.", default={}),
        **_NO_ATTEMPTS,
    },
    "switch": {
        "cases": Field(ListOf(_CASE, STEPS_MAX, 1, "a list of cases"), required=True),
        "default": Field(STEPS, "Steps when no case is true."),
        **_NO_ATTEMPTS,
    },
    "parallel": {
        "branches": Field(ListOf(_BRANCH, 100, 1, "a list of branches"), required=True),
        "join": Field(_JOIN, "How many branches must complete.", default="all"),
        "fail_fast": Field(Flag(), "The first failure cancels the others.", default=True),
        **_NO_ATTEMPTS,
    },
    "wait": {**WAIT, **_NO_ATTEMPTS},
}
_ONE_OF: Final = {"agent": ("agent_type", "agent", "connector"), "wait": ONE_OF}


def _belongs() -> dict[str, str]:
    owners: dict[str, list[str]] = {}
    for kind, fields in OWN.items():
        for name, field in fields.items():
            if not field.refused:
                owners.setdefault(name, []).append(kind)
    return {name: f"a field of {' and '.join(kinds)} steps" for name, kinds in owners.items()}


STEP: Final = {
    kind: Record(
        f"{'an' if kind[0] in 'ae' else 'a'} {kind} step",
        {**COMMON, **own},
        exactly_one=_ONE_OF.get(kind, ()),
        exclusive=(
            ("dependencies", "depends_on"),
            *((("input", "input_data"),) if "input" in own else ()),
            *((("connector", "task_type"),) if kind == "agent" else ()),
            *(NEVER_BOTH if kind == "wait" else ()),
        ),
        needs=NEEDS if kind == "wait" else (),
        elsewhere=_belongs(),
    )
    for kind, own in OWN.items()
}

DEFINITION: Final = Record(
    "a definition",
    {
        "name": Field(_NAME, "Need not be unique.", required=True),
        "steps": Field(STEPS, "At most 1,000 in all, at most 16 scopes deep.", required=True),
        "description": Field(Text(4_096)),
        "labels": Field(_LABELS, "Copied to executions, and indexed."),
        "metadata": Field(AnyObject(16_384), "Kept, never read."),
        "language": Field(Number(1, 1), default=1),
        "input_schema": Field(UserSchema(), "JSON Schema of the input, defaults applied."),
        "output_schema": Field(UserSchema(), "JSON Schema of the output."),
        "vars": Field(AnyObject(), "Variables; only 'set' steps change them.", default={}),
        "output": Field(Anything(), "Template; by default that of the last completed step."),
        "defaults": Field(
            Record(
                "defaults",
                {
                    "retry": Field(RETRY),
                    **_TIMES,
                    "total_timeout": COMMON["total_timeout"],
                    "on_error": Field(_rules("continue", "fail", "rollback")),
                    "context": _CONTEXT,
                },
            ),
            "For steps that do not say.",
        ),
        "timeout": Field(_LONG, "Active time of an execution.", default="30d"),
        "fail_fast": Field(Flag(), "The first failure cancels what runs beside it.", default=True),
        "rollback": Field(
            Record(
                "rollback",
                {
                    "on": Field(ListOf(Choice(("failure", "cancel", "timeout")), 3)),
                    "retry": Field(RETRY, "10 attempts by default."),
                },
            ),
            "When completed steps are undone.",
        ),
        **_later("finally", "idempotency", "concurrency", "rate_limit", "priority"),
        **_later("budget", "triggers", "retention"),
    },
)


_OF_ANY: Final = ("id", "name", "if", "depends_on", "dependencies", "run_when")
STEP_SHAPE: Final = StepShape(
    STEP, Record("a step", {key: COMMON[key] for key in _OF_ANY}), LATER_TYPES, 2 * STEPS_MAX
)
