"""One wire for each API that models are behind."""

from collections.abc import Mapping

from orchestra.agents.llm import Wire
from orchestra.agents.llm.chat import ChatWire
from orchestra.agents.llm.messages import MessagesWire
from orchestra.agents.llm.responses import ResponsesWire
from orchestra.agents.llm.sending import Sending
from orchestra.clock import Clock
from orchestra.security.outbound import Outbound


def wires(outbound: Outbound, clock: Clock) -> Mapping[str, Wire]:
    """All of them, by the `api` of a registration."""
    sending = Sending(outbound, clock)
    return {
        "chat": ChatWire(sending),
        "responses": ResponsesWire(sending),
        "messages": MessagesWire(sending),
    }
