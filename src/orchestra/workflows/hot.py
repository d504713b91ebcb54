"""What a hot route needs, in one piece."""

from dataclasses import dataclass

from orchestra.workflows.executions import Executions
from orchestra.workflows.starting import Starter


@dataclass(frozen=True, slots=True)
class Parts:
    """Starts executions and waits for them."""

    starter: Starter
    executions: Executions
