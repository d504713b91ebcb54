"""What is held of a stream until its end, within a limit.

Each event is limited by itself; here it is all of them together. Many small values take far more
memory than they did on the wire, and a list that is copied for each piece takes for ever.
"""

import msgspec

from orchestra.agents.llm.fields import listed
from orchestra.agents.providers.decoding import VALUES_MAX
from orchestra.agents.providers.sse import Malformed

_encode = msgspec.json.Encoder().encode


class Held:
    """Counts what is kept of one answer."""

    def __init__(self) -> None:
        self._values = 0

    def hold(self, value: object) -> None:
        """Count `value`. Raises Malformed when the answer is more than we take."""
        json = _encode(value)
        self._values += 1 + json.count(b",") + json.count(b"[") + json.count(b"{")
        if self._values > VALUES_MAX:
            raise Malformed(f"more than {VALUES_MAX} values")


def put_together(pieces: list[object]) -> object:
    """Pieces of a text, or of a list, one after the other; of anything else the last."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(str(piece) for piece in pieces)
    if all(isinstance(piece, list) for piece in pieces):
        return [one for piece in pieces for one in listed(piece) or ()]
    return pieces[-1]
