"""What several answers begin with: the workflow that is meant, its window, its profiles."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from orchestra.clock import Clock
from orchestra.errors import Conflict, NotFound
from orchestra.instants import instant
from orchestra.monitoring import Profiles
from orchestra.monitoring.analytics.documents import Resting
from orchestra.monitoring.analytics.exact import Exact
from orchestra.monitoring.analytics.keeping import Look, Shelf
from orchestra.store.keys import Tenant

LOOKED_MAX: Final = 10_000
ENDED: Final = "orchestra_executions_total"


class WorkflowUnknown(NotFound):
    """The tenant has no workflow of this id or name."""


class NameShared(Conflict):
    """Several workflows have this name: use an id. Context: `ids`."""


class Window(NamedTuple):
    """From so far back until now."""

    said: str
    seconds: int
    until_ms: int

    @property
    def from_ms(self) -> int:
        """Where it begins."""
        return self.until_ms - self.seconds * 1_000

    @property
    def since(self) -> str:
        """The same in words."""
        return instant(self.from_ms)

    @property
    def until(self) -> str:
        """Where it ends, in words."""
        return instant(self.until_ms)


class Looking:
    """Finds workflows and their profiles."""

    def __init__(self, profiles: Profiles, shelf: Shelf, exact: Exact, clock: Clock) -> None:
        self.profiles, self.shelf, self.exact, self._clock = profiles, shelf, exact, clock

    def window(self, said: tuple[str, int]) -> Window:
        """That ends now."""
        return Window(*said, self._clock.now_ms())

    async def find(self, tenant: Tenant, reference: str) -> tuple[str, str]:
        """Id and name of a workflow. Raises WorkflowUnknown, NameShared, StoreAway."""
        try:
            return await self.profiles.workflow(tenant, reference)
        except NotFound:
            raise WorkflowUnknown("no workflow of this id or name") from None
        except Conflict as several:
            raise NameShared(several.detail, **several.context) from several

    async def look(self, tenant: Tenant, workflow: str, window: Window) -> Look:
        """Its profiles, the newest 10,000 of them."""
        found = await self.shelf.look(tenant, workflow, window.from_ms, window.until_ms)
        left_out = max(0, len(found.kept) - LOOKED_MAX)
        return Look(found.kept[-LOOKED_MAX:], found.level, found.skipped + left_out)

    async def ended(self, tenant: Tenant, window: Window) -> Mapping[str, int]:
        """Executions that ended, by name of the workflow."""
        sums = await self.exact.sums(tenant, ENDED, window.seconds, ("workflow",))
        return {name: int(n) for (name,), n in sums.items()}


def resting(look: Look, of: int | None) -> Resting:
    """On how many executions it rests, and on how many it cannot."""
    bounded: dict[str, int] = {}
    if look.skipped:
        bounded["skipped"] = look.skipped
    if look.level:
        bounded["one_in"] = 1 << look.level
    return Resting(
        executions=len(look.kept),
        of=None if of is None else max(of, len(look.kept)),
        sampled=look.sampled,
        from_=instant(look.kept[0].ended_ms) if look.kept else None,
        bounded=bounded or None,
    )
