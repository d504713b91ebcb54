"""`email`: an agent that sends mail by the server which the settings name.

Each recipient is told in a conversation of its own: what one address is refused for keeps no other
from its mail, and a repeat is for those who did not get it.
"""

from typing import Any, Final, cast

from orchestra.agents import Capability, PythonAgent, PythonCapability, Reject, Retry, Task
from orchestra.clock import Clock
from orchestra.connectors.email_messages import (
    RECIPIENTS_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    Message,
    composed,
    is_address,
    message_id,
    sender,
)
from orchestra.connectors.email_server import Line, Refused, ServerInvalid
from orchestra.errors import Problem


class Mailer:
    """Sends mail. Without a server it says so."""

    def __init__(self, line: Line | None, of: str | None, clock: Clock) -> None:
        self._line, self._clock = line, clock
        self._of = sender(of) if of else None
        if line is not None and self._of is None:
            raise ServerInvalid("smtp_from is like alerts@example.com or Name <a@example.com>")

    async def send(self, message: Message, to: str) -> str:
        """Hand it over for one recipient; what the server said. Raises Refused."""
        if self._line is None or self._of is None:
            raise Refused("no mail server is set: smtp_url, smtp_from", definite=True)
        if not is_address(to):
            raise Refused("this is no address", definite=True)
        made = composed(message, self._of, message.to, self._clock.now_ms())
        return await self._line.send(made, self._of, to)

    def id_of(self, key: str) -> str:
        """The Message-ID of what is sent under this key."""
        return message_id(key, self._of.domain if self._of else "localhost")


def email_agent(mailer: Mailer) -> PythonAgent:
    """The agent that sends by this mailer."""

    async def send(task: Task) -> object:
        """One message to one or some. Raises `Reject`, `Retry`."""
        message = _asked(task)
        accepted: dict[str, str] = {}
        refused: dict[str, Refused] = {}
        for to in message.to:
            try:
                accepted[to] = await mailer.send(message, to)
            except Refused as told:
                refused[to] = told
        if not accepted:
            first = next(iter(refused.values()))
            if first.definite:
                raise Reject(first.told)
            raise Retry(first.told, 5.0)
        return {
            "message_id": mailer.id_of(message.key),
            "accepted": list(accepted),
            "refused": {to: one.told for to, one in refused.items()},
        }

    return PythonAgent(
        name="email-builtin",
        agent_type="email",
        description="Sends mail by the server of this installation.",
        version="1.0.0",
        capabilities=(
            PythonCapability(
                Capability(
                    name="send",
                    input_types=("json",),
                    output_types=("json",),
                    description="One message to up to 20 addresses; each is told by itself.",
                    input_schema=_INPUT,
                    output_schema={"type": "object", "required": ["message_id", "accepted"]},
                    timeout_ms=120_000,
                ),
                send,
            ),
        ),
    )


def _asked(task: Task) -> Message:
    """The message of a task, whose schema was checked. Raises `Reject`."""
    given = cast("dict[str, Any]", task.input_data)
    wrong = [
        Problem(f"/to/{i}", "format", "must be an address such as name@example.com")
        for i, one in enumerate(given["to"])
        if not is_address(one)
    ]
    if wrong:
        raise Reject("not every address can be sent to", wrong)
    to = tuple(dict.fromkeys(given["to"]))
    return Message(
        task.key or task.id, to, given["subject"], given["text"], given.get("html") or ""
    )


_INPUT: Final[dict[str, object]] = {
    "type": "object",
    "required": ["to", "subject", "text"],
    "properties": {
        "to": {
            "type": "array",
            "items": {"type": "string", "maxLength": 254},
            "minItems": 1,
            "maxItems": RECIPIENTS_MAX,
        },
        "subject": {"type": "string", "minLength": 1, "maxLength": SUBJECT_MAX},
        "text": {"type": "string", "maxLength": TEXT_MAX},
        "html": {"type": "string", "maxLength": TEXT_MAX},
    },
}
