"""The fields of endpoints and of inbound hooks, as forms show them. Pure."""

from typing import Final

from orchestra.dashboard.sheets import Entry, Group

SCHEMES: Final = ("", "standard-webhooks", "github", "slack", "stripe")
_WHERE: Final = (
    Entry("name", "Name", required=True, most=128, placeholder="on call"),
    Entry("url", "Address", required=True, placeholder="https://example.com/hooks/orchestra"),
)
_WHICH: Final = (
    Entry("event_filter/event_types", "Types of events", "lines", rows=4,
          placeholder="workflow.failed\nagent.*", hint="One a line, * and ** allowed; none: all."),
    Entry("event_filter/expression", "And only if", placeholder="event.data.priority == 'high'"),
    Entry("sources", "Only from these sources", "lines", rows=2),
    Entry("workflow_ids", "Only of these workflows", "lines", rows=2),
    Entry("agent_ids", "Only of these agents", "lines", rows=2),
)  # fmt: skip
_HOW: Final = (
    Entry("format", "Format", "choice", options=("", "cloudevents", "plain", "slack")),
    Entry("ordering", "Order", "choice", options=("", "parallel", "key", "all"),
          hint="key: events about one thing in order; all: every one in order."),
    Entry("timeout_ms", "Timeout, ms", "number", placeholder="15000"),
    Entry("concurrency", "At once", "number", placeholder="10"),
    Entry("rate_per_s", "A second, at most", "number", placeholder="0", hint="0: no limit."),
    Entry("schedule_ms", "Waits before each try, ms", "numbers", placeholder="0, 5000, 60000"),
    Entry("headers", "Headers", "pairs", rows=2, placeholder="Authorization: ${secret:on-call}"),
)  # fmt: skip
_SIGNED: Final = (
    Entry("signature", "Signature", "choice", options=("", "v1", "v1a"),
          hint="v1: HMAC; v1a: ed25519, with a key that may be public."),
    Entry("secret", "Secret", "secret", most=256, hint="Empty: one is made, and shown once."),
)  # fmt: skip

_HOOK: Final = (
    Entry("name", "Name", required=True, most=128, placeholder="pushes"),
    Entry("scheme", "Signed as", "choice", options=SCHEMES),
)
_TARGET: Final = (
    Entry("target/workflow", "Start this workflow", most=128, placeholder="id of a workflow"),
    Entry("target/signal/execution", "Or signal this execution", most=600,
          placeholder="${input.execution_id}"),
    Entry("target/signal/name", "Name of the signal", most=64, placeholder="approved"),
)  # fmt: skip
_LIMITS: Final = (
    Entry("rate_per_s", "Requests a second", "number", placeholder="10"),
    Entry("headers", "Headers that are passed on", "lines", rows=2),
)
_KEPT: Final = (
    Entry("secret", "Secret", "secret", most=512,
          hint="Empty: one is made. Slack and Stripe make their own: paste it."),
    Entry("public", "Believe everybody: no signature", "flag"),
)  # fmt: skip


def endpoint(*, new: bool) -> list[Group]:
    """The form of an endpoint."""
    found = [
        Group("Whom to tell", _WHERE),
        Group("Which events", _WHICH),
        Group("How", _HOW, folded=True, told="format, order, limits, tries, headers"),
    ]
    if new:
        found.append(Group("Signature", _SIGNED, folded=True, told="signed with HMAC by default"))
    return found


def hook(*, new: bool) -> list[Group]:
    """The form of an inbound hook."""
    who = _HOOK if new else _HOOK[:1]
    found = [
        Group("Who may tell us", who),
        Group("What comes of it", _TARGET, told="Without either, an event is published."),
        Group("Limits", _LIMITS, folded=True, told="rate, headers"),
    ]
    if new:
        found.insert(1, Group("Secret", _KEPT))
    else:
        found.append(Group("State", (Entry("active", "Takes what comes", "flag"),)))
    return found
