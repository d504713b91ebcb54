"""What the routes about the health of agents say about themselves."""

from typing import Final

from orchestra.agents import AgentUnknown
from orchestra.agents.registration.reading import RegistrationInvalid
from orchestra.agents.routes import documents_health as made
from orchestra.agents.routes.clinic import NotInUse, WindowInvalid
from orchestra.agents.routes.cursors import CursorInvalid
from orchestra.agents.routes.descriptions import EXECUTE_REFUSALS
from orchestra.described import Answer, described
from orchestra.store.failures import NotReplicated, StoreAway

HEALTH: Final = described(
    {200: Answer("How it is.", [made.HealthShown])}, refusals=[AgentUnknown, StoreAway]
)
EVENTS: Final = described(
    {200: Answer("What happened.", [made.EventPage])},
    refusals=[AgentUnknown, CursorInvalid, StoreAway],
)
PERFORMANCE: Final = described(
    {200: Answer("What it did.", [made.PerformanceShown])},
    refusals=[AgentUnknown, WindowInvalid, StoreAway],
)
CHECK: Final = described(
    {200: Answer("What the check found: `well` says it.", [made.CheckDone])},
    refusals=[AgentUnknown, NotInUse, StoreAway, NotReplicated],
)
TEST: Final = described(
    {200: Answer("Done.", [made.TaskTested])},
    refusals=[*EXECUTE_REFUSALS, RegistrationInvalid],
    body=made.TestBody,
    body_optional=True,
    examples={
        "a text": {
            "capability": "sentiment_analysis",
            "input_data": {"text": "I'm disappointed with my recent order."},
        }
    },
)
