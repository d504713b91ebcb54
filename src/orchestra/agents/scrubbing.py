"""Takes the secrets that were sent to an agent out of what it says.

An answer that echoes its credentials must not carry them into a record. What is sent during a call
is noted by `SealedCredentials`, in the context of that call and of the tasks it starts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import (
    Answer,
    Call,
    Checkable,
    CredentialsUnusable,
    Emit,
    Failure,
    Frame,
    Provider,
)
from orchestra.agents.records import Agent
from orchestra.covering import MASK, forms_of
from orchestra.log import COVERED
from orchestra.security.secrets import MASKED_FROM
from orchestra.store.failures import StoreAway

UNUSABLE_GATE_MS = 5_000
"""As long as an opened secret is remembered: then it may have been set."""


class Scrubbed:
    """A provider whose answers do not hold the secrets that were sent for them."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """As the provider; a secret that cannot be used is the agent's misconfiguration."""
        if agent.spec.auth.type == "none":
            return await self._provider.call(agent, call)
        with sending() as sent:
            veil = Veil(sent.values)
            frames = CoveredFrames(veil, call.emit) if call.emit else None
            inner = msgspec.structs.replace(call, emit=frames) if frames else call
            try:
                said = await self._provider.call(agent, inner)
                if frames:
                    frames.flush()
            except CredentialsUnusable as unusable:
                return unusable_failure(unusable)
            except StoreAway:
                return Failure(TaskError("agent.unavailable", "the store is away"))
            if sent.unusable and isinstance(said, Failure) and said.gate_ms > UNUSABLE_GATE_MS:
                said = msgspec.structs.replace(said, gate_ms=UNUSABLE_GATE_MS)
            return veil.over(said)


class ScrubbedAndChecked(Scrubbed):
    """The same for a provider whose agents can be asked how they are."""

    def __init__(self, provider: Provider, checkable: Checkable) -> None:
        super().__init__(provider)
        self._checkable = checkable

    async def check(self, agent: Agent, timeout_s: float) -> TaskError | None:
        """As the provider."""
        with sending() as sent:
            try:
                error = await self._checkable.check(agent, timeout_s)
            except CredentialsUnusable as unusable:
                return TaskError("agent.auth", unusable.detail)
            return Veil(sent.values).over_error(error) if error else None


def unusable_failure(unusable: CredentialsUnusable) -> Failure:
    """What an agent is whose secret cannot be used: misconfigured, until somebody sets it."""
    error = TaskError("agent.auth", unusable.detail)
    return Failure(error, outcome="deny", gate_ms=UNUSABLE_GATE_MS, elsewhere=True)


class Veil:
    """Covers what was sent. `values` may grow while it is in use."""

    def __init__(self, values: set[str]) -> None:
        self._values = values

    def text(self, text: str) -> str:
        """`text` without any of the values."""
        for value in sorted(self._values, key=len, reverse=True):
            if value in text:
                text = text.replace(value, MASK)
        return text

    def value(self, value: object) -> object:
        """JSON without any of the values; the same object when there are none to look for."""
        if not self._values:
            return value
        match value:
            case str():
                return self.text(value)
            case dict():
                members = cast("dict[object, object]", value)
                return {self.value(name): self.value(inner) for name, inner in members.items()}
            case list() | tuple():
                return [self.value(inner) for inner in cast("list[object]", value)]
            case _:
                return value

    def over(self, said: Answer | Failure) -> Answer | Failure:
        """What the agent said, covered."""
        if not self._values:
            return said
        facts = cast("Mapping[str, object]", self.value(dict(said.facts)))
        match said:
            case Answer():
                return msgspec.structs.replace(said, output=self.value(said.output), facts=facts)
            case Failure():
                return msgspec.structs.replace(said, error=self.over_error(said.error), facts=facts)

    def over_error(self, error: TaskError) -> TaskError:
        """An error, covered."""
        return msgspec.structs.replace(
            error,
            code=self.text(error.code),
            message=self.text(error.message),
            findings=tuple(
                self.value(cast("object", msgspec.to_builtins(one))) for one in error.findings
            ),
        )

    def begun(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a value."""
        longest = 0
        for value in self._values:
            for size in range(min(len(value) - 1, len(text)), longest, -1):
                if value.startswith(text[-size:]):
                    longest = size
                    break
        return longest


class CoveredFrames:
    """An `Emit` in front of another. Text that may begin a value waits for what follows it."""

    def __init__(self, veil: Veil, emit: Emit) -> None:
        self._veil, self._emit, self._held = veil, emit, ""

    def __call__(self, frame: Frame) -> None:
        """Pass one frame on."""
        text = frame.get("text")
        if frame.get("event") != "delta" or not isinstance(text, str):
            self.flush()
            self._emit(cast("Frame", self._veil.value(dict(frame))))
            return
        whole = self._veil.text(self._held + text)
        cut = len(whole) - self._veil.begun(whole)
        self._held = whole[cut:]
        if cut:
            self._emit({**frame, "text": whole[:cut]})

    def flush(self) -> None:
        """Nothing follows: what waited was no value."""
        if self._held:
            self._emit({"event": "delta", "text": self._held})
            self._held = ""


class _Sent:
    """What was sent during one call, and whether something could not be."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self.unusable = False


_sent: ContextVar[_Sent | None] = ContextVar("sent", default=None)


@contextmanager
def sending() -> Iterator[_Sent]:
    """What is sent inside the block, tasks started in it included."""
    sent = _Sent()
    token = _sent.set(sent)
    try:
        yield sent
    finally:
        _sent.reset(token)


def note_sent(*values: str) -> None:
    """These texts are sent during this call, and covered in the log from now on."""
    sent = _sent.get()
    for value in values:
        if len(value) >= MASKED_FROM:
            COVERED.add(value)
            if sent is not None:
                sent.values.update(forms_of(value))


def note_unusable() -> None:
    """Something could not be sent during this call."""
    if (sent := _sent.get()) is not None:
        sent.unusable = True
