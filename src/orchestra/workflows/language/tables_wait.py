"""The fields of `wait` steps."""

from typing import Final

from orchestra.workflows.language.instants import Instant
from orchestra.workflows.language.records import Field, Record, Tagged
from orchestra.workflows.language.shapes import Anything, Choice, Duration, Templated, Text

WAIT_MAX_MS: Final = 366 * 86_400_000
SIGNAL_PATTERN: Final = "[A-Za-z][A-Za-z0-9_.-]{0,127}"
SIGNALS_MAX: Final = 200
"""Names of signals in one definition: as many can be open in an execution."""

_LIMIT: Final = Duration(100, WAIT_MAX_MS)
_NOT_YET: Final = "waiting for events is not available in this version: wait for a 'signal'"
_DO: Final = Field(Choice(("fail", "continue")), required=True)
_ELSEWHERE: Final = {
    "output": 'for "do": "continue"',
    "error": 'for "do": "fail"',
    "message": 'for "do": "fail"',
}
_FAIL: Final = Record(
    "'on_timeout' that fails",
    {
        "do": _DO,
        "error": Field(
            Text(128, 1, r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)*", "a code"),
            "The code to fail with.",
            default="timeout.wait",
        ),
        "message": Field(Text(4_096)),
    },
    elsewhere=_ELSEWHERE,
)
_CONTINUE: Final = Record(
    "'on_timeout' that continues",
    {"do": _DO, "output": Field(Anything(), "Template: the output in place of the payload.")},
    elsewhere=_ELSEWHERE,
)
WAIT: Final = {
    "for": Field(Templated(Duration(0, WAIT_MAX_MS)), "A duration, or a template that gives one."),
    "until": Field(Templated(Instant()), "An RFC 3339 instant, or a template that gives one."),
    "signal": Field(
        Text(128, 1, SIGNAL_PATTERN, 'a name such as "payment.received"'),
        "Name of the signal that ends it; its payload is the output.",
    ),
    "event": Field(refused=("field.unsupported", _NOT_YET)),
    "filter": Field(refused=("field.unsupported", _NOT_YET)),
    "timeout": Field(_LIMIT, "How long to wait for the signal; a signal needs one."),
    "on_timeout": Field(
        Tagged("'on_timeout'", "do", {"fail": _FAIL, "continue": _CONTINUE}),
        "When there was no signal in time.",
        default={"do": "fail"},
    ),
    "total_timeout": Field(
        refused=("field.unsupported", "a wait has one clock: 'for', 'until' or 'timeout'")
    ),
}
ONE_OF: Final = ("for", "until", "signal", "event")
NEVER_BOTH: Final = tuple(
    (one, other) for one in ("timeout", "on_timeout") for other in ("for", "until")
)
NEEDS: Final = (("signal", "timeout", "step.timeout_required"),)
