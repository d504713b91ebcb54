"""What a hot route needs, in one piece."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestra.workflows.executions import Executions
from orchestra.workflows.starting import Starter


@dataclass(frozen=True, slots=True)
class Parts:
    """Starts executions and waits for them."""

    starter: Starter
    executions: Executions
    admit: Callable[[], None]
    """Raises StoreFull or StoreDiskFull when there is no room for new work."""
