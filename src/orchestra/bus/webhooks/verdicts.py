"""What an attempt means: delivered, to be tried again and when, or given up.

Pure: attempts go in, verdicts come out.
"""

from email.utils import parsedate_to_datetime
from typing import Final, Literal

import msgspec

from orchestra.bus.webhooks.records import Endpoint
from orchestra.clock import Random

BLOCK_MAX_MS: Final = 3_600_000
"""Where order is kept, a delivery that fails keeps others waiting for so long at most."""
BUSY_MS: Final = 60_000
"""A receiver that is overloaded, or silent, is left alone for so long at least."""
AFTER_MAX_MS: Final = 3_600_000
GONE: Final = 410
_BUSY: Final = frozenset({429, 502, 503, 504})

Failure = Literal[
    "", "status", "redirect", "timeout", "not_allowed", "not_reached", "broken", "not_sent"
]
"""Why an attempt failed; `not_sent`: we could not, such as for a secret that is gone."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one request. `status` None: no answer."""

    failure: Failure
    ms: int
    status: int | None = None
    headers: dict[str, str] = {}
    body: str = ""
    address: str = ""
    detail: str = ""
    """Of what could not be sent."""

    @property
    def why(self) -> str:
        """In a few words, for a dead letter."""
        return (
            f"status {self.status}" if self.failure == "status" else self.failure.replace("_", " ")
        )


class Verdict(msgspec.Struct, frozen=True):
    """`again` after `delay_ms`, or it is over. `gone`: the receiver wants nothing more, ever."""

    result: Literal["delivered", "again", "dead"]
    delay_ms: int = 0
    gone: bool = False


def judge(
    endpoint: Endpoint, attempt: int, outcome: Outcome, blocked_ms: int | None, chance: Random
) -> Verdict:
    """What to do after try number `attempt`. `blocked_ms`: how long others waited for it so far."""
    if not outcome.failure:
        return Verdict("delivered")
    if outcome.status == GONE:
        return Verdict("dead", gone=True)
    if attempt >= len(endpoint.schedule_ms):
        return Verdict("dead")
    delay_ms = wait_ms(endpoint.schedule_ms[attempt], outcome, chance)
    if endpoint.ordering != "parallel":
        left_ms = BLOCK_MAX_MS - (blocked_ms or 0)
        if left_ms <= 0:
            return Verdict("dead")
        delay_ms = min(delay_ms, left_ms)
    return Verdict("again", delay_ms)


def wait_ms(scheduled_ms: int, outcome: Outcome, chance: Random) -> int:
    """The scheduled wait, a fifth more or less, and what the receiver asks for within bounds."""
    wait = int(scheduled_ms * (0.8 + 0.4 * chance.random()))
    if outcome.failure == "timeout" or outcome.status in _BUSY:
        wait = max(wait, BUSY_MS)
    asked_ms = _retry_after_ms(outcome)
    return max(wait, min(asked_ms, 2 * wait, AFTER_MAX_MS))


def _retry_after_ms(outcome: Outcome) -> int:
    """`Retry-After` (RFC 9110, section 10.2.3): seconds, or an instant by the receiver's clock."""
    text = outcome.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), AFTER_MAX_MS // 1_000) * 1_000
    try:
        until, now = map(parsedate_to_datetime, (text, outcome.headers.get("date", "")))
        return max(int((until - now).total_seconds() * 1_000), 0)
    except (ValueError, TypeError, OverflowError):
        return 0
