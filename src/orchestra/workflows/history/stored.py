"""An execution as it was read from the store: its hashes, and what they say of each step. Pure."""

from dataclasses import dataclass, field

from orchestra.store.frames import CorruptRecord
from orchestra.workflows.planning.facts import Envelope, Record, Signal
from orchestra.workflows.planning.framing import unpack_envelope, unpack_record, unpack_signal
from orchestra.workflows.planning.plan import Plan
from orchestra.workflows.planning.waiting import signal_field

STATES = {
    "N": "pending",
    "R": "running",
    "P": "paused",
    "B": "rolling_back",
    "Z": "running",
    "D": "completed",
    "F": "failed",
    "C": "cancelled",
    "L": "rolled_back",
}
OVER = frozenset("DFCL")
_STEP_STATES = {
    "w": "waiting", "a": "running", "q": "ready", "p": "ready", "r": "running", "b": "running",
    "v": "running", "o": "running", "t": "retrying", "h": "retrying", "c": "completed",
    "f": "failed", "s": "skipped", "k": "compensated",
}  # fmt: skip
_DAMAGED = {"code": "corrupt-record", "message": "the stored record of this step is damaged"}


@dataclass(slots=True)
class Stored:
    """An execution as it was read: hashes `x:`, `c:` and `r:`, and the undo stack."""

    id: str
    plan: Plan
    state: dict[str, bytes]
    nested: dict[str, bytes]
    records: dict[str, bytes]
    undo: list[bytes] = field(default_factory=list[bytes])
    pause: tuple[int, str, str, str] | None = None
    """When it was paused, by whom, how, and why; while it is."""
    history: list[bytes] | None = None
    """Lines of its history, once they were read."""
    now_ms: int = 0
    durability: str = ""
    known: tuple[Envelope, dict[str, Record]] | None = None
    """Envelope and records that need not be decoded, where they are at hand."""
    _made: dict[str, Record] = field(default_factory=dict[str, Record])

    @property
    def letter(self) -> str:
        """State of the execution as the scripts write it."""
        return self.state["@s"].decode()

    @property
    def envelope(self) -> Envelope:
        """What it was started with."""
        return self.known[0] if self.known else unpack_envelope(self.records["@in"])

    def record(self, path: str) -> Record:
        """The record of a step; empty when it has none. Of a damaged one only that is told."""
        if self.known is not None:
            return self.known[1].get(path, {})
        if path not in self._made:
            framed = self.records.get(path)
            try:
                self._made[path] = unpack_record(framed) if framed else {}
            except CorruptRecord:
                self._made[path] = {"error": dict(_DAMAGED)}
        return self._made[path]

    @property
    def tries_again(self) -> bool:
        """Whether a step failed and waits for its next attempt."""
        marks = (*self.state.items(), *self.nested.items())
        return self.letter not in OVER and any(
            mark[:1] in (b"t", b"h") for path, mark in marks if path[0] != "@"
        )

    def recall(self, path: str, failed: Record) -> None:
        """What is known of a step that waits for its next attempt: it has no record yet."""
        if self.status(path) == "retrying" and not self.record(path):
            self._made[path] = failed

    def replace(self, path: str, framed: bytes) -> None:
        """Take the whole record in place of the short one that names its blob."""
        self.records[path] = framed
        self._made.pop(path, None)

    def mark(self, path: str) -> str:
        """State letter of a step; '' when it was never reached."""
        hashed = self.nested if any(c in path for c in "/[~!") else self.state
        return hashed.get(path, b"")[:1].decode()

    def attempt(self, path: str) -> int:
        """The attempt of a step that runs now, from 1; 0 when none does."""
        hashed = self.nested if any(c in path for c in "/[~!") else self.state
        mark, *token = hashed.get(path, b"").decode().split(".")
        return int(token[0]) + 1 if mark[:1] in ("r", "b", "v") and token else 0

    def status(self, path: str) -> str:
        """State of a step in words; what never began of an ended execution was cancelled."""
        mark = self.mark(path)
        if self.letter in OVER and mark in "wqpto":
            return "skipped"
        if mark == "a" and not self.awaits(path):
            return "failed"
        return _STEP_STATES.get(mark, "waiting")

    def awaits(self, path: str) -> bool:
        """Whether a step waits and may still go on: nothing around it is over."""
        if self.mark(path) != "a" or self.letter not in "NRP":
            return False
        parts = path.split("/")
        return all(self.mark("/".join(parts[:n])) == "o" for n in range(1, len(parts)))

    def signal(self, name: str) -> Signal | None:
        """The signal of that name, if it has come; None of a damaged one, too."""
        framed = self.records.get(signal_field(name))
        try:
            return unpack_signal(framed) if framed else None
        except CorruptRecord:
            return None
