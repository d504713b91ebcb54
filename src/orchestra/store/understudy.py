"""Says that this process lives while its event loop is too busy to say so itself.

A thread that has nothing to do, and no connection, as long as the loop turns.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from orchestra.store.lease_thread import Line
from orchestra.store.partitions import slot
from orchestra.store.primaries import Primaries
from orchestra.store.scripts import Argument, Script

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.5

Words = Callable[[], "Mapping[str, Argument] | None"]
"""Arguments of the script when it is to be run, None when not. Called from the thread."""


class Understudy:
    """Runs a script in the slot of `prefix` whenever `words` gives arguments for it."""

    def __init__(self, script: Script, prefix: str, primaries: Primaries, words: Words) -> None:
        self._script, self._prefix = script, prefix
        self._primaries, self._words = primaries, words
        self._line: Line | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orchestra-understudy", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being said is said. Safe to repeat."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            words = self._words()
            if words is not None:
                self._say(words)
            elif self._line is not None:
                self._leave()
        self._leave()

    def _say(self, words: Mapping[str, Argument]) -> None:
        address = self._primaries.address(slot(self._prefix))
        if address is None:
            return
        try:
            if self._line is None:
                self._line = Line(address, self._primaries.location.access, "orchestra-understudy")
            values = self._script.argv(words)
            self._line.send([("EVAL", self._script.source, 1, self._prefix, b"", *values)])
            self._line.receive(1)
        except OSError as error:
            log.debug("understudy.not_heard", reason=str(error))
            self._leave()

    def _leave(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.close()
            self._line = None
