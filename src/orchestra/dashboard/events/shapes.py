"""The fields of events, subscriptions and types, as forms show them. Pure."""

from typing import Final

from orchestra.dashboard.sheets import Entry, Group

_FILTER: Final = (
    Entry("event_filter/event_types", "Types", "lines", rows=3, placeholder="order.*",
          hint="One a line, * and ** allowed; none: all."),
    Entry("event_filter/sources", "Sources", "lines", rows=2),
    Entry("event_filter/keys", "About", "lines", rows=2),
)  # fmt: skip


def event(types: tuple[str, ...]) -> list[Group]:
    """The form that publishes one."""
    return [
        Group("Event", (
            Entry("event_type", "Type", required=True, most=128, placeholder="order.placed",
                  suggestions=types),
            Entry("source_service", "Source", required=True, most=256, placeholder="shop"),
            Entry("source_id", "About", required=True, most=256, placeholder="order-1",
                  hint="Events about one thing stay in order."),
            Entry("payload", "Data, as JSON", "json", rows=7, placeholder='{"total": 42}'),
        )),
        Group("More", (
            Entry("correlation_id", "Belongs to", most=256),
            Entry("dedup_id", "Id to know it by", most=256,
                  hint="In 24 h the same is published once."),
            Entry("time", "When it happened", most=40, placeholder="2026-11-23T08:00:00Z"),
        ), folded=True, told="what it belongs to, its id, its time"),
    ]  # fmt: skip


def subscription() -> list[Group]:
    """The form of a durable reader for clients outside."""
    return [
        Group("Subscription", (
            Entry("name", "Name", required=True, most=63, placeholder="billing"),
            Entry("start", "Where it begins", most=8_192, placeholder="new",
                  hint="new, oldest, an instant, or the id of an event to go on behind."),
        )),
        Group("Which events", _FILTER),
    ]  # fmt: skip


def event_type(*, new: bool) -> list[Group]:
    """The form of a type with a schema."""
    name = Entry("type", "Type", required=True, most=128, placeholder="order.placed")
    fields = (
        Entry("schema", "JSON Schema of its data", "json", rows=12, required=True,
              placeholder='{"type": "object", "required": ["total"]}'),
        Entry("description", "When it happens", most=1_024),
        Entry("compatibility", "Changes", "choice", options=("none", "backward"),
              hint="backward: a change may refuse nothing that was right."),
    )  # fmt: skip
    return [Group("Type", (name, *fields) if new else fields)]
