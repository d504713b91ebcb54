"""What steps of workflows say while they run, as events that nobody keeps.

Parts of an output come a word at a time; they are told ten times a second.
"""

from collections.abc import Callable, Mapping
from typing import Final

import anyio
import msgspec

from orchestra.bus import Event
from orchestra.bus.catalogue import STEP_OUTPUT_DELTA, STEP_REPORTED, WORKFLOWS
from orchestra.bus.signals.onlookers import Onlookers
from orchestra.clock import Clock, Ids
from orchestra.store.keys import Tenant

TURN_S: Final = 0.1
TEXT_MAX: Final = 16_384
DATA_MAX_BYTES: Final = 32_768

Said = Mapping[str, object]
Emit = Callable[[Said], None]

_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Saying:
    """One attempt of one step."""

    __slots__ = ("attempt", "execution", "number", "step", "tenant", "text")

    def __init__(self, tenant: Tenant, execution: str, step: str, attempt: int) -> None:
        self.tenant, self.execution, self.step, self.attempt = tenant, execution, step, attempt
        self.number, self.text = 0, ""


class Steps:
    """All that run here and are looked at. `serve` must run."""

    def __init__(self, onlookers: Onlookers, clock: Clock, ids: Ids) -> None:
        self._onlookers, self._clock, self._ids = onlookers, clock, ids
        self._pending: list[_Saying] = []
        self._due = anyio.Event()

    def emitter(self, tenant: Tenant, execution: str, step: str, attempt: int) -> Emit | None:
        """Where an attempt says things; None when nobody looks on."""
        if not self._onlookers.look(tenant, execution):
            return None
        saying = _Saying(tenant, execution, step, attempt)

        def emit(said: Said) -> None:
            text = said.get("text")
            if said.get("event") == "delta" and isinstance(text, str):
                if not saying.text:
                    self._pending.append(saying)
                    self._due.set()
                saying.text += text
                if len(saying.text) > TEXT_MAX:
                    self._flush(saying)
                return
            self._flush(saying)
            self._tell(saying, STEP_REPORTED, {"report": dict(said)})

        return emit

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            await self._due.wait()
            await self._clock.sleep(TURN_S)
            self._due = anyio.Event()
            pending, self._pending = self._pending, []
            for saying in pending:
                self._flush(saying)

    def _flush(self, saying: _Saying) -> None:
        text, saying.text = saying.text, ""
        if text:
            self._tell(saying, STEP_OUTPUT_DELTA, {"text": text})

    def _tell(self, saying: _Saying, kind: str, data: Mapping[str, object]) -> None:
        saying.number += 1
        about: dict[str, object] = {
            "execution_id": saying.execution,
            "step": saying.step,
            "attempt": saying.attempt,
            "number": saying.number,
        }
        raw = _encode(about | dict(data))
        if len(raw) > DATA_MAX_BYTES:
            return
        self._onlookers.tell(
            Event(
                self._ids.new("eph"),
                kind,
                WORKFLOWS,
                saying.execution,
                saying.tenant,
                "engine",
                self._clock.now_ms(),
                msgspec.Raw(raw),
            )
        )
