"""The fields of queues and messages, as forms show them. Pure."""

from typing import Final

from orchestra.dashboard.sheets import Entry, Group

_OPTIONS: Final = (
    Entry("tries_max", "Tries", "number", placeholder="5", hint="Then it is a dead letter."),
    Entry("lost_max", "Lost leases in a row", "number", placeholder="3"),
    Entry("lease_ms", "Lease, ms", "number", placeholder="30000"),
    Entry("depth_max", "Messages at most", "number", placeholder="100000"),
    Entry("backoff_ms", "Waits after each try, ms", "numbers", placeholder="1000, 5000, 60000"),
    Entry("spread", "Over all partitions: quicker, in order only within a group", "flag"),
)
_MESSAGE: Final = (
    Entry("body", "Body, as JSON", "json", rows=8, required=True, placeholder='{"to": "amelia"}'),
    Entry("priority", "Priority", "choice", options=("", "0", "1", "2", "3"), hint="0 is first."),
    Entry("delay_ms", "Not before, ms", "number", placeholder="0"),
    Entry("group", "Group", most=256, hint="A group is in order, and one at a time."),
    Entry("dedup_id", "Id to know it by", most=256, hint="In 24 h the same is sent once."),
)


def queue(*, new: bool) -> list[Group]:
    """The form of a queue."""
    name = Entry("name", "Name", required=True, most=63, placeholder="mail",
                 hint="Lower case, digits, dots, dashes.")  # fmt: skip
    options = Group(
        "How it works", _OPTIONS, folded=new, told="tries, leases, depth" if new else ""
    )
    return [Group("Queue", (name,)), options] if new else [options]


def message() -> list[Group]:
    """The form of a message."""
    return [Group("Send a message", _MESSAGE)]
