"""Reads what the store has at the end of a history into what the checker judges by."""

from collections.abc import Callable, Iterable
from typing import Any

from orchestra.store import keys, partitions
from orchestra.workflows.planning.framing import unpack_record, unpack_signal
from orchestra.workflows.planning.plan import Plan
from simulation.checker import Call, Line, Story

Read = Callable[..., Any]
"""One reading command, answered at once."""


def stories(read: Read, tags: Iterable[int], plans: dict[str, Plan]) -> list[Story]:
    """Every execution the partitions know, oldest first."""
    made: list[Story] = []
    for tag in tags:
        prefix = partitions.prefix(tag)
        journal: dict[str, list[str]] = {}
        for position, pairs in read("XRANGE", keys.journal(prefix), "-", "+"):
            entry = dict(zip(pairs[::2], pairs[1::2], strict=True))
            journal.setdefault(entry[b"x"].decode(), []).append(position.decode())
        made += [story(read, prefix, eid, plans, seen) for eid, seen in journal.items()]
    return made


def story(
    read: Read, prefix: str, eid: str, plans: dict[str, Plan], journal: list[str] | None
) -> Story:
    """One execution."""
    state = _texts(read("HGETALL", keys.state(prefix, eid)))
    raw = read("HGETALL", keys.results(prefix, eid))
    records = {
        name.decode(): unpack_record(value)
        for name, value in zip(raw[::2], raw[1::2], strict=True)
        if name[:1] not in b"@$" and name[-1:] not in b"!>"
    }
    return Story(
        id=eid,
        plan=plans[state["@d"]],
        state=state,
        nested=_texts(read("HGETALL", keys.nested(prefix, eid))),
        records=records,
        undo=[entry.decode() for entry in read("LRANGE", keys.undo_stack(prefix, eid), 0, -1)],
        sent={
            name.decode()[2:]: unpack_signal(value).payload
            for name, value in zip(raw[::2], raw[1::2], strict=True)
            if name[:2] == b"@!"
        },
        lines=[line(text) for text in read("LRANGE", keys.history(prefix, eid), 0, -1)],
        journal=journal,
    )


def line(text: bytes) -> Line:
    """A line of the history list, taken apart."""
    return Line(*(part.decode(errors="replace") for part in text.split(b"|", 4)))


def give_calls(found: list[Story], calls: list[Call]) -> None:
    """Hand each execution the calls made for it."""
    by_id = {one.id: one for one in found}
    for call in calls:
        if call.execution in by_id:
            by_id[call.execution].calls.append(call)


def leftovers(read: Read, tags: Iterable[int], living: set[str]) -> list[str]:
    """What partitions hold that nobody needs when all executions are over."""
    found: list[str] = []
    for tag in tags:
        p = partitions.prefix(tag)
        found += [key.decode() for key in read("KEYS", f"{_literal(p)}wl:*")]
        found += [key.decode() for key in read("KEYS", f"{_literal(p)}q:*")]
        found += [key.decode() for key in read("KEYS", f"{_literal(p)}pk:*")]
        found += [key.decode() for key in read("KEYS", f"{_literal(keys.awaiting(p, ''))}*")]
        found += [f"{p}act {eid.decode()}" for eid in read("ZRANGE", keys.live(p), 0, -1)]
        found += [f"{p}t {timer.decode()}" for timer in read("ZRANGE", keys.timers(p), 0, -1)]
        found += [f"{p}qn {queue.decode()}" for queue in read("SMEMBERS", f"{p}qn")]
        if counts := read("HGETALL", keys.live_counts(p)):
            found.append(f"{p}live {counts}")
        sessions = {one.decode() for one in read("ZRANGE", keys.sessions(p), 0, -1)}
        found += [f"{p}wk {one}" for one in sorted(sessions - living)]
    return found


def _literal(prefix: str) -> str:
    return prefix.replace("{", r"\{").replace("}", r"\}")


def _texts(flat: list[bytes]) -> dict[str, str]:
    return {
        name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)
    }
