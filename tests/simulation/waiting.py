"""What must hold of steps that wait, and of signals: which was first is decided once, by the store.

W1 a signal that was accepted is the one that is kept; W2 it counts once, and stands in the history;
W3 a step that waits goes on once, for its time or for its signal; W4 not before its time, and not
long after; W5 it comes to what the one that was first says; W6 no signal is accepted that comes too
late for every step.
"""

from collections import Counter
from collections.abc import Iterator

from orchestra.workflows.language.durations import duration_ms
from orchestra.workflows.planning.plan import Node
from simulation.checker import Evidence, Line, Story

LATE_MS = 20_000
"""Ticks come late while replicas die and the store is away."""
_STOPPED = ("cancelled", "step.crash_loop")


def waits_broken(evidence: Evidence) -> Iterator[str]:
    """Every broken promise about waits and signals."""
    stories = {story.id: story for story in evidence.stories}
    for eid, name, payload in evidence.signals:
        kept = stories[eid].sent.get(name) if eid in stories else None
        if kept != payload:
            yield f"W1 {payload!r} was accepted as {name}, kept is {kept!r} [{eid}]"
    twice = Counter((eid, name) for eid, name, _ in evidence.signals)
    for (eid, name), count in twice.items():
        if count > 1:
            yield f"W2 {name} was accepted {count} times [{eid}]"
    for story in evidence.stories:
        for check in (_told, _woken):
            yield from (f"{what} [{story.id}]" for what in check(story))


def signals_in(lines: list[Line]) -> list[str]:
    """Names of the signals a history tells of, in order."""
    return [
        line.data.split("\t")[2]
        for line in lines
        if line.kind == "K" and line.data.startswith("signal\t")
    ]


def _told(story: Story) -> Iterator[str]:
    names = signals_in(story.lines)
    if sorted(names) != sorted(story.sent):
        yield f"W2 signals {sorted(story.sent)} are kept, the history has {names}"

    for place, line in enumerate(story.lines):
        if line.kind == "K" and line.data.startswith("signal\t"):
            name = line.data.split("\t")[2]
            if all(_is_over(story, node.path, place) for node in _waiting_for(story, name)):
                yield f"W6 {name} was accepted when every step that waits for it was over"


def _waiting_for(story: Story, name: str) -> list[Node]:
    nodes = story.plan.nodes.values()
    return [node for node in nodes if node.step.wait and node.step.wait.signal == name]


def _is_over(story: Story, path: str, place: int) -> bool:
    """Whether a step was past waiting there: it was done, or its time had come."""
    over = False
    for line in story.lines[:place]:
        if line.kind == "K" and line.data.startswith("retry\t"):
            over = False
        elif line.path == path and line.kind in "AWCFS":
            over = line.kind != "A"
    return over


def _woken(story: Story) -> Iterator[str]:
    for node in story.plan.nodes.values():
        if node.kind == "wait":
            yield from _of_step(story, node)


def _of_step(story: Story, node: Node) -> Iterator[str]:
    began: Line | None = None
    first, begun = "", 0
    for place, line in enumerate(story.lines):
        if line.kind == "K" and line.data.startswith("retry\t"):
            first, began = "", None
        if line.path != node.path:
            continue
        match line.kind:
            case "A":
                began, first, begun = line, "", begun + 1
            case "W" | "G":
                if began is None or first:
                    yield f"W3 {line.path} went on twice, or before it waited: {line.kind}"
                first = line.kind
                yield from _in_time(story, node, began, place, again=begun > 1)
            case "R" | "C" if began is not None and not first:
                yield f"W3 {line.kind} of {line.path} while it waited"
            case "C" | "F" if began is not None and _is_last(story, place):
                yield from _outcome(story, node, first)
            case _:
                pass


def _in_time(
    story: Story, node: Node, began: Line | None, place: int, *, again: bool
) -> Iterator[str]:
    wait, line = node.step.wait, story.lines[place]
    assert wait is not None
    if line.kind == "G":
        if wait.signal not in signals_in(story.lines[:place]):
            yield f"W3 {line.path} was answered before {wait.signal!r} came"
        return
    if wait.signal in signals_in(story.lines[:place]):
        yield f"W3 the time of {line.path} came after {wait.signal!r} did"
    if began is None:
        return
    took_ms = line.at_ms - began.at_ms
    length_ms = wait.timeout_ms or duration_ms(wait.time)
    if not again and took_ms < length_ms:
        yield f"W4 {line.path} waited {took_ms} ms of {length_ms}"
    if took_ms > length_ms + LATE_MS:
        yield f"W4 {line.path} waited {took_ms} ms, should {length_ms}"


def _is_last(story: Story, place: int) -> bool:
    path = story.lines[place].path
    return not any(line.path == path and line.kind in "CFSA" for line in story.lines[place + 1 :])


def _outcome(story: Story, node: Node, first: str) -> Iterator[str]:
    """What its record says, when it is the last one."""
    wait, record = node.step.wait, story.records.get(node.path, {})
    assert wait is not None
    error = record.get("error") or {}
    if error.get("code") in _STOPPED or not record:
        return
    status = record.get("status")
    if first == "G" and (status, record.get("output")) != ("completed", story.sent[wait.signal]):
        yield f"W5 {node.path} was answered, and came to {status} {record.get('output')!r}"
    if first == "W" and not wait.signal and status != "completed":
        yield f"W5 {node.path} waited to the end, and came to {status}"
    if first != "W" or not wait.signal:
        return
    if wait.on_timeout.do == "continue":
        if record.get("reason") != "timeout":
            yield f"W5 {node.path} went on without a signal, recorded {record}"
    elif not node.rules and error.get("code") != "timeout.wait":
        yield f"W5 {node.path} timed out, and came to {status} {error}"
