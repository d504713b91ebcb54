"""The history checker: what must hold of every execution, however often things died.

Given what the store has at the end (`Evidence`), and every call agents saw, `violations` says what
was broken, one line each. Numbers are those of the design's invariants:

I1 what was accepted ends; I2 one outcome a step and generation; I3 after what it depends on, and
decided on what that recorded; I4 fences grow, and the holder alone records; I5 idempotency keys;
I6 what is shown agrees; I7 nothing is left over; I9 journal and history are one; P nothing is
handed out while an execution is paused or over; U undoing; W waiting (in `waiting`).

A generation is what `retry` begins for forward steps, and `rollback` for compensations.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestra.workflows.planning.facts import Record
from orchestra.workflows.planning.plan import Node, Plan

OVER = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
_HANDED = "rbv"


@dataclass
class Call:
    """A call as the agent saw it. `outcome` '' when nobody was left to hear it."""

    execution: str
    path: str
    key: str
    fence: int
    at_ms: int
    outcome: str = ""
    answered_ms: int = 0
    request: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Line:
    """One transition in the history of an execution."""

    position: str
    kind: str
    path: str
    token: str
    data: str

    @property
    def fence(self) -> int:
        return int(self.token.split(".")[0])

    @property
    def at_ms(self) -> int:
        return int(self.position.split("-")[0])


@dataclass
class Story:
    """One execution: its plan, its hashes, its history, and what `/status` says."""

    id: str
    plan: Plan
    state: dict[str, str]
    nested: dict[str, str]
    records: dict[str, Record]
    undo: list[str]
    lines: list[Line]
    sent: dict[str, Any] = field(default_factory=dict[str, Any])
    """Signals the store has: name -> payload."""
    journal: list[str] | None = None
    """Positions of its entries in the partition's journal."""
    status: dict[str, Any] | None = None
    calls: list[Call] = field(default_factory=list[Call])

    @property
    def letter(self) -> str:
        return self.state.get("@s", "")

    def mark(self, path: str) -> str:
        """The letter of a step's state; '' when it was never reached."""
        hashed = self.nested if any(c in path for c in "/[~!") else self.state
        return hashed.get(path, "")[:1]


@dataclass
class Evidence:
    """Everything there is to judge by, when nothing moves any more."""

    stories: list[Story]
    accepted: dict[str, str]
    """What each client's key was answered: key -> execution."""
    leftovers: list[str] = field(default_factory=list[str])
    """Keys and members of partitions that should be gone."""
    wrong: list[str] = field(default_factory=list[str])
    """What was seen to be wrong on the way."""
    signals: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    """Signals that were answered with 202: execution, name, payload."""


def violations(evidence: Evidence) -> list[str]:
    """Every broken promise, in a line each."""
    found = [f"I7 left over: {what}" for what in evidence.leftovers]
    found += evidence.wrong
    known = {story.id for story in evidence.stories}
    found += [
        f"I1 {eid} was accepted and is lost"
        for eid in evidence.accepted.values()
        if eid not in known
    ]
    twice = [eid for eid, n in Counter(evidence.accepted.values()).items() if n > 1]
    found += [f"I1 {eid} answers two keys" for eid in twice]
    answered = set(evidence.accepted.values())
    found += [
        f"I1 {story.id} was started for nobody"
        for story in evidence.stories
        if story.id not in answered
    ]
    for story in evidence.stories:
        for check in (
            _ended,
            _once,
            _halted,
            _ordered,
            _decided,
            _fenced,
            _keyed,
            _fed,
            _undone,
            _agrees,
        ):
            found += [f"{what} [{story.id}]" for what in check(story)]
    return found


# I1, I7, I9


def _ended(story: Story) -> Iterator[str]:
    if story.letter not in OVER:
        yield f"I1 stuck in state {story.letter!r}"
        return
    if story.state.get("@r") != "0":
        yield f"I7 {story.state.get('@r')} steps in flight"
    for path, state in [*story.state.items(), *story.nested.items()]:
        if path[0] != "@" and path[-1] not in ":+-#$@" and state[:1] in _HANDED:
            yield f"I7 {path} is still handed out: {state}"
    if story.letter == "D":
        for node in story.plan.body.nodes:
            if story.mark(node.path) not in ("c", "f", "s"):
                yield f"I1 completed without {node.path}: {story.mark(node.path)!r}"
    ends = [line for line in story.lines if line.kind == "E"]
    if not ends or ends[-1].data != story.letter:
        yield f"I9 ended as {story.letter}, the history says {[line.data for line in ends]}"
    if story.journal is not None and story.journal != [line.position for line in story.lines]:
        yield "I9 the journal and the history differ"


# I2


def generations(story: Story) -> list[int]:
    """Of each line the generation of its step."""
    made, retries, rollbacks = list[int](), 0, 0
    for line in story.lines:
        if line.kind == "K":
            retries += line.data.split("\t")[0] == "retry"
            rollbacks += line.data == "rollback"
        made.append(rollbacks if line.path[:1] == "~" else retries)
    return made


def _once(story: Story) -> Iterator[str]:
    seen = Counter(
        (line.path, generation)
        for line, generation in zip(story.lines, generations(story), strict=True)
        if line.kind in "CFS"
    )
    for (path, generation), count in seen.items():
        if count > 1:
            yield f"I2 {path} was recorded {count} times in generation {generation}"


# P


def _halted(story: Story) -> Iterator[str]:
    halted = ""
    for line in story.lines:
        verb = line.data.split("\t")[0]
        if line.kind == "E" or (line.kind == "K" and verb in ("pause", "interrupt")):
            halted = "the end" if line.kind == "E" else "a pause"
        elif line.kind == "K" and verb in ("resume", "retry", "rollback"):
            halted = ""
        elif line.kind == "R" and halted:
            yield f"P {line.path} was handed out after {halted}"


# I3


def _recorded(story: Story) -> dict[str, list[tuple[int, int, str]]]:
    """Of each path its outcomes: place in the history, generation, letter."""
    made: dict[str, list[tuple[int, int, str]]] = {}
    for place, (line, generation) in enumerate(zip(story.lines, generations(story), strict=True)):
        if line.kind in "CFS":
            made.setdefault(line.path, []).append((place, generation, line.kind))
    return made


def _before(outcomes: list[tuple[int, int, str]], place: int, generation: int) -> bool:
    """Whether a step was done at `place`: in this generation, or kept from an earlier one."""
    here = [p for p, g, _ in outcomes if g == generation]
    if here:
        return here[0] < place
    return any(p < place and letter in "CS" for p, _, letter in outcomes)


def _ordered(story: Story) -> Iterator[str]:
    recorded = _recorded(story)
    opened: dict[str, int] = {}
    for place, (line, generation) in enumerate(zip(story.lines, generations(story), strict=True)):
        node = story.plan.nodes.get(line.path)
        if line.kind == "O":
            opened.setdefault(line.path, place)
        if node is None or line.kind not in "RCFS":
            continue
        for needed in (*node.joins, *node.waits):
            if not _before(recorded.get(needed, []), place, generation):
                yield f"I3 {line.kind} of {line.path} before {needed} was done"
        around = node.scope.path
        if around and around not in opened:
            yield f"I3 {line.kind} of {line.path} before {around} opened"
        if line.kind == "R" and any(
            p < place and k == "C" for p, _, k in recorded.get(line.path, [])
        ):
            yield f"I2 {line.path} had completed and ran again"
        if line.kind == "C" and node.kind in ("branch", "parallel") and not node.rules:
            yield from _closed(node, recorded, place)


def _closed(
    node: Node, recorded: dict[str, list[tuple[int, int, str]]], place: int
) -> Iterator[str]:
    """A container completes when enough of what is in it is done."""
    inside = node.branches if node.kind == "parallel" else node.branch.nodes if node.branch else ()
    done = [
        child.path
        for child in inside
        if any(
            p < place and (letter == "C" or node.kind == "branch")
            for p, _, letter in recorded.get(child.path, [])
        )
    ]
    wanted = node.step.join if node.kind == "parallel" else len(inside)
    if len(done) < wanted:
        yield f"I3 {node.path} completed with {len(done)} of {wanted}"


def _decided(story: Story) -> Iterator[str]:
    """Run or skipped as its dependencies' outcomes say, when those came in the same generation."""
    recorded = _recorded(story)
    for node in story.plan.nodes.values():
        outcomes = recorded.get(node.path)
        if not node.joins or not outcomes or node.kind == "output":
            continue
        place, _, letter = outcomes[-1]
        lasts = [recorded[path][-1] for path in node.joins if path in recorded]
        if len(lasts) < len(node.joins) or any(p > place for p, _, _ in lasts):
            continue
        letters = [last[2] for last in lasts]
        reason = str(story.records.get(node.path, {}).get("reason", ""))
        skipped = letter == "S" and reason.startswith("upstream")
        if _skips(letters, node.step.run_when) != skipped and not _stopped(story, node, letter):
            yield f"I3 {node.path} ({node.step.run_when}) became {letter} {reason} after {letters}"


def _skips(letters: list[str], run_when: str) -> bool:
    match run_when:
        case "all_done":
            return False
        case "any_failed":
            return "F" not in letters
        case "any_completed":
            return "C" not in letters
        case "all_completed":
            return letters != ["C"] * len(letters)
        case _:
            return "F" in letters or "C" not in letters


def _stopped(story: Story, node: Node, letter: str) -> bool:
    """A claimed step that ended after its execution did is a fact, whatever it says."""
    error = story.records.get(node.path, {}).get("error") or {}
    return letter == "F" and error.get("code") in ("cancelled", "step.crash_loop")


# I4


def _fenced(story: Story) -> Iterator[str]:
    fences: dict[str, int] = {}
    holder: dict[str, str] = {}
    for line in story.lines:
        if line.kind == "R":
            if line.fence <= fences.get(line.path, 0):
                yield f"I4 fence {line.fence} of {line.path} after {fences[line.path]}"
            fences[line.path], holder[line.path] = line.fence, line.token
        elif line.kind == "L" and holder.pop(line.path, "") != line.token:
            yield f"I4 {line.path} was taken from {line.token}, who did not hold it"
        elif line.kind in "CFSYAO" and holder.pop(line.path, "") != line.token:
            yield f"I4 {line.kind} of {line.path} by {line.token}, who did not hold it"
    calls = Counter((call.path, call.fence) for call in story.calls)
    for (path, fence), count in calls.items():
        if count > 1:
            yield f"I4 {path} was called {count} times under fence {fence}"


# I5


def _keyed(story: Story) -> Iterator[str]:
    settled = {(line.path, line.fence) for line in story.lines if line.kind in "CFY"}
    by_path: dict[str, list[Call]] = {}
    for call in story.calls:
        by_path.setdefault(call.path, []).append(call)
    for path, calls in by_path.items():
        calls.sort(key=lambda call: call.fence)
        for earlier, later in itertools.pairwise(calls):
            definite = earlier.outcome in ("definite", "declined")
            certain = definite and (path, earlier.fence) in settled
            if earlier.key == later.key and certain:
                yield f"I5 {path} kept its key after a definite failure, fence {later.fence}"
            if (
                earlier.key != later.key
                and not definite
                and not _again(story, path, earlier, later)
            ):
                yield f"I5 {path} got a new key after {earlier.outcome!r}, fence {later.fence}"


def _again(story: Story, path: str, earlier: Call, later: Call) -> bool:
    """Whether a new generation began, or the step was claimed in between and failed uncalled."""
    begins = (
        ("rollback", "rollback_requested", "skip_undo_requested") if path[0] == "~" else ("retry",)
    )
    return any(
        line.kind == "K" and line.data.split("\t")[0] in begins
        and earlier.at_ms <= line.at_ms <= later.at_ms
        for line in story.lines
    )  # fmt: skip


def _fed(story: Story) -> Iterator[str]:
    """What a step was given is what the steps it reads recorded (I3, inputs)."""
    for call in story.calls:
        node = story.plan.nodes.get(call.path)
        if node is None:
            continue
        for name, value in call.request.items():
            path = node.visible.get(name.removeprefix("seen_"))
            record = story.records.get(path or "", {})
            if not path or not name.startswith("seen_") or record.get("status") != "completed":
                continue
            if value is not None and value != (output := record.get("output")):
                yield f"I3 {call.path} saw {value!r} of {path}, recorded {output!r}"


# undoing


def _undone(story: Story) -> Iterator[str]:
    undoing = [(place, line) for place, line in enumerate(story.lines) if line.path[:1] == "~"]
    compensated = [line.path[1:] for _, line in undoing if line.kind == "C"]
    retries = sum(line.data.split("\t")[0] == "retry" for line in story.lines if line.kind == "K")
    for path, count in Counter(compensated).items():
        if count > 1 + retries:
            yield f"U {path} was undone {count} times"
    yield from _undone_last(story)
    completed: dict[str, int] = {}
    for place, line in enumerate(story.lines):
        if line.kind == "O" or (line.kind == "C" and line.path not in completed):
            completed[line.path] = place  # a step that opens a handler had its effect before that
    order = [completed[path] for path in compensated if path in completed]
    if order != sorted(order, reverse=True) and not retries:
        yield f"U not in reverse order of completion: {compensated}"
    if story.letter != "L":
        return
    if story.undo:
        yield f"U rolled back with {story.undo} on the stack"
    for node in story.plan.nodes.values():
        if node.undo is not None and node.path not in compensated and _effective(story, node.path):
            yield f"U {node.path} had an effect and was not undone"


def _effective(story: Story, path: str) -> bool:
    return any(
        call.outcome not in ("definite", "declined") for call in story.calls if call.path == path
    )


def _undone_last(story: Story) -> Iterator[str]:
    """While compensations run, nothing forward is recorded: all of that was over before."""
    undoing = False
    for line in story.lines:
        if line.kind == "E" or (line.kind == "K" and line.data.split("\t")[0] == "retry"):
            undoing = False
        elif line.path[:1] == "~":
            undoing = undoing or line.kind == "R"
        elif undoing and line.kind in "RCFSYLO" and line.path[:1] != "!":
            yield f"U {line.kind} of {line.path} while undoing"


# I6


def _agrees(story: Story) -> Iterator[str]:
    """The document of `/status` says what the store says."""
    shown = story.status
    if shown is None or story.letter not in OVER:
        return
    if shown["status"] != OVER[story.letter]:
        yield f"I6 shown as {shown['status']}, is {story.letter}"
    if shown["current_steps"] and story.letter == "D":
        yield f"I6 completed with current steps {shown['current_steps']}"
    if story.letter == "F" and not shown["error"]:
        yield "I6 failed without an error"
    if story.letter == "D" and shown["error"]:
        yield f"I6 completed with the error {shown['error']}"
    marks = {"a": "failed", "c": "completed", "f": "failed", "s": "skipped", "k": "compensated"}
    for step in shown["steps"]:
        mark = story.mark(step["path"])
        if step["status"] != marks.get(mark, "skipped" if mark != "" else step["status"]):
            yield f"I6 {step['path']} is shown as {step['status']}, is {mark!r}"
    undone = {line.path[1:] for line in story.lines if line.path[:1] == "~" and line.kind == "C"}
    if story.letter == "L" and set((shown["rollback"] or {}).get("undone", ())) != undone:
        yield f"I6 shown as undone: {shown['rollback']}, in the history: {sorted(undone)}"
