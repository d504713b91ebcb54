"""What is said to an A2A agent, and what its events come to: a task's course up to its end."""

from collections.abc import Mapping
from typing import Final, cast

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Call, Emit, Failure
from orchestra.agents.providers.a2a_cards import Card, Interface
from orchestra.agents.providers.mishaps import invalid

MESSAGE_MAX_CHARS = 1_024
ARTIFACTS_MAX = 1_024
PARTS_MAX = 65_536
ID_MAX_CHARS = 256

ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELED", "REJECTED"})
PAUSED: Final = frozenset({"INPUT_REQUIRED", "AUTH_REQUIRED"})

Parts = list[dict[str, object]]


def request_of(call: Call, card: Card, interface: Interface, key: str) -> dict[str, object]:
    """`SendMessageRequest`: the input as data, and its text as text where there is one."""
    task = call.task
    given = task.input_data
    text: object = (
        cast("dict[str, object]", given).get("text") if isinstance(given, dict) else given
    )
    parts: Parts = []
    if not isinstance(text, str) or _takes_json(card.modes(call.capability)):
        parts.append({"data": given, "mediaType": "application/json"})
    if isinstance(text, str):
        parts.append({"text": text, "mediaType": "text/plain"})
    message: dict[str, object] = {"messageId": key, "role": "ROLE_USER", "parts": parts}
    if task.session:
        message["contextId"] = task.session
    request: dict[str, object] = {
        "message": message,
        "configuration": {"returnImmediately": True},
        "metadata": {"capability": call.capability, "orchestraTask": task.id},
    }
    if interface.tenant:
        request["tenant"] = interface.tenant
    return request


def _takes_json(modes: tuple[str, ...]) -> bool:
    """An agent that says it reads text alone gets text alone, when there is any."""
    return not modes or any("json" in mode or "*" in mode for mode in modes)


class Course:
    """One task at the agent, from what was heard of it. `outcome` is set at its end."""

    def __init__(self, emit: Emit | None) -> None:
        self._emit = emit
        self._artifacts: dict[str, Parts] = {}
        self._said: Parts = []
        self._parts = 0
        self.task_id = ""
        self.state = ""
        self.context_id = ""
        self.outcome: Answer | Failure | None = None

    @property
    def open(self) -> bool:
        """The agent holds a task of ours that did not end: it may be cancelled."""
        return bool(self.task_id) and self.state not in ENDED

    def take(self, event: Mapping[str, object]) -> None:
        """One `StreamResponse`, a response with a task or message, a bare task. Else ignored."""
        if isinstance(task := event.get("task"), dict):
            self._snapshot(cast("dict[str, object]", task))
        elif isinstance(update := event.get("statusUpdate"), dict):
            self._status(cast("dict[str, object]", update), "taskId")
        elif isinstance(update := event.get("artifactUpdate"), dict):
            self._artifact(cast("dict[str, object]", update))
        elif isinstance(message := event.get("message"), dict):
            parts = parts_of(cast("dict[str, object]", message))
            self.state = "COMPLETED"
            self.outcome = self._answer([parts])
        elif isinstance(event.get("status"), dict) and "id" in event:
            self._snapshot(event)

    def _snapshot(self, task: Mapping[str, object]) -> None:
        artifacts = task.get("artifacts")
        if isinstance(artifacts, list):
            self._artifacts.clear()
            for one in cast("list[object]", artifacts)[:ARTIFACTS_MAX]:
                if isinstance(one, dict):
                    artifact = cast("dict[str, object]", one)
                    name = _id(artifact.get("artifactId")) or str(len(self._artifacts))
                    self._artifacts[name] = parts_of(artifact)
        self._status(task, "id")

    def _status(self, said: Mapping[str, object], id_field: str) -> None:
        self.task_id = self.task_id or _id(said.get(id_field))
        self.context_id = self.context_id or _id(said.get("contextId"))
        status = said.get("status")
        if not isinstance(status, dict):
            return
        fields = cast("dict[str, object]", status)
        self.state = state_of(fields.get("state")) or self.state
        message = fields.get("message")
        said_now = isinstance(message, dict)
        self._said = parts_of(cast("dict[str, object]", message)) if said_now else []
        if self.state in ENDED or self.state in PAUSED:
            self.outcome = self._end()
        elif self._emit is not None and self._said:
            self._emit({"event": "progress", "message": text_of([self._said])[:MESSAGE_MAX_CHARS]})

    def _artifact(self, update: Mapping[str, object]) -> None:
        self.task_id = self.task_id or _id(update.get("taskId"))
        artifact = update.get("artifact")
        if not isinstance(artifact, dict):
            return
        fields = cast("dict[str, object]", artifact)
        name, parts = _id(fields.get("artifactId")), parts_of(fields)
        self._parts += len(parts)
        if self._parts > PARTS_MAX:
            what = f"the answer has more than {PARTS_MAX} parts"
            self.outcome = Failure(TaskError("agent.too_large", what))
            return
        if update.get("append") is True:
            self._artifacts.setdefault(name, []).extend(parts)
        elif name in self._artifacts or len(self._artifacts) < ARTIFACTS_MAX:
            self._artifacts[name] = parts
        if self._emit is not None:
            for part in parts:
                if isinstance(part.get("text"), str):
                    self._emit({"event": "delta", "text": part["text"]})
                else:
                    self._emit({"event": "artifact", "artifact": part})

    def _end(self) -> Answer | Failure:
        said = text_of([self._said])[:MESSAGE_MAX_CHARS]
        match self.state:
            case "COMPLETED":
                artifacts = [parts for parts in self._artifacts.values() if parts]
                return self._answer(artifacts or [self._said])
            case "REJECTED":
                # Final: another try would be refused as well.
                return Failure(_error("agent.bad_request", "the agent rejected the task", said))
            case "CANCELED":
                return Failure(
                    _error("agent.error", "the agent cancelled the task", said), elsewhere=True
                )
            case "INPUT_REQUIRED" | "AUTH_REQUIRED":
                what = "input" if self.state == "INPUT_REQUIRED" else "an authorisation"
                return Failure(
                    _error("agent.input_required", f"the agent asks for {what}", said, final=True)
                )
            case _:
                error = _error("agent.error", "the agent failed", said)
                return Failure(error, outcome="fail", elsewhere=True)

    def _answer(self, artifacts: list[Parts]) -> Answer | Failure:
        output = output_of(artifacts)
        if output is _NOTHING:
            return invalid("completed its task and said nothing that can be read")
        facts = {"finish_reason": self.state.lower(), "response_id": self.task_id}
        return Answer(output, facts={name: value for name, value in facts.items() if value})


_NOTHING: Final = object()


def output_of(artifacts: list[Parts]) -> object:
    """Data if there is any, one value or a list of them; else the text; else the files."""
    everything = [part for parts in artifacts for part in parts]
    data = [part["data"] for part in everything if "data" in part]
    if data:
        return data[0] if len(data) == 1 else data
    if any(isinstance(part.get("text"), str) for part in everything):
        return text_of(artifacts)
    files = [part for part in everything if "url" in part or "raw" in part]
    if files:
        return {"files": files}
    return None if not everything else _NOTHING


def text_of(artifacts: list[Parts]) -> str:
    """Texts of one artifact are its pieces; those of two are two paragraphs."""
    texts = (
        "".join(text for part in parts if isinstance(text := part.get("text"), str))
        for parts in artifacts
    )
    return "\n".join(text for text in texts if text)


def parts_of(holder: Mapping[str, object]) -> Parts:
    """The parts of a message or an artifact; what is no object is left out."""
    parts = holder.get("parts")
    if not isinstance(parts, list):
        return []
    items = cast("list[object]", parts)[:PARTS_MAX]
    return [cast("dict[str, object]", one) for one in items if isinstance(one, dict)]


def state_of(value: object) -> str:
    """`TASK_STATE_INPUT_REQUIRED`, and as older agents write it `input-required`."""
    if not isinstance(value, str):
        return ""
    state = value.upper().removeprefix("TASK_STATE_").replace("-", "_")
    return "CANCELED" if state == "CANCELLED" else state


def _error(code: str, message: str, said: str, *, final: bool = False) -> TaskError:
    retryable = False if final else None
    return TaskError(code, f"{message}: {said}" if said else message, retryable=retryable)


def _id(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= ID_MAX_CHARS else ""
