"""What the leader does each second: look at groups whose time has come, hand on what was left.

Timers are in the store, so who leads next goes on with them. While groups can be looked at, the
watchdog is called each minute: its silence means that monitoring is dead.
"""

from typing import Final, Protocol

import anyio
import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import counter
from orchestra.monitoring.notifications.ports import Ports
from orchestra.monitoring.notifications.posting import Postman
from orchestra.monitoring.notifications.shelf import Shelf
from orchestra.monitoring.notifications.telling import Teller

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
WATCHDOG_S: Final = 60.0
WATCHDOG_WITHIN_S: Final = 10.0
ROUNDS_MAX: Final = 20
LATER_MS: Final = 5_000
_FAULTS: Final = (
    OrchestraError, ArithmeticError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, msgspec.MsgspecError,
)  # fmt: skip
"""Of one group: the others go on."""
_WATCHDOG = counter("orchestra_watchdog_calls_total", ("outcome",))


class Lead(Protocol):
    """Whether this replica leads."""

    @property
    def leads(self) -> bool:
        """For all we know."""
        ...


class Timekeeper:
    """Serves for as long as this replica leads; two at once do no harm."""

    def __init__(
        self, shelf: Shelf, teller: Teller, postman: Postman, lead: Lead, ports: Ports, clock: Clock
    ) -> None:
        self._shelf, self._teller, self._postman = shelf, teller, postman
        self._lead, self._ports, self._clock = lead, ports, clock
        self._looked_s = float("-inf")
        self._answers = True

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            if self._lead.leads:
                try:
                    await self.round()
                except OrchestraError as away:
                    log.debug("notification.not_looked", error=away.code)
                else:
                    self._looked_s = self._clock.monotonic()
            await self._clock.sleep(LOOK_S)

    async def serve_watchdog(self) -> None:
        """Call it each minute, for as long as groups were looked at in the last one."""
        while self._ports.watchdog_url is not None:
            if self._clock.monotonic() - self._looked_s < WATCHDOG_S:
                await self.watchdog(self._ports.watchdog_url)
                await self._clock.sleep(WATCHDOG_S)
            else:
                await self._clock.sleep(LOOK_S)

    async def round(self) -> None:
        """Everything that is due by now. Raises StoreAway."""
        await self._postman.hand_on_left()
        for _ in range(ROUNDS_MAX):
            due = await self._shelf.due(self._clock.now_ms())
            for tenant, group in due:
                try:
                    await self._teller.look(tenant, group)
                except _FAULTS as error:
                    known = isinstance(error, OrchestraError)
                    name = error.code if isinstance(error, OrchestraError) else "fault"
                    log.warning(
                        "notification.group_not_looked", group=group, error=name, exc_info=not known
                    )
                    later_ms = self._clock.now_ms() + LATER_MS
                    await self._shelf.postpone(tenant, group, later_ms)
            if not due:
                return

    async def watchdog(self, url: str) -> None:
        """Call it once. What comes of it is counted, and said when it changes."""
        outcome = "answered"
        try:
            with anyio.fail_after(WATCHDOG_WITHIN_S):
                status = await self._ports.call(url)
            outcome = "answered" if status < 400 else "refused"
        except TimeoutError:
            outcome = "timeout"
        except OrchestraError as error:
            outcome = error.code
        _WATCHDOG.add(1, outcome)
        good = outcome == "answered"
        if good != self._answers:
            tell = log.info if good else log.warning
            tell("notification.watchdog_changed", outcome=outcome)
        self._answers = good
