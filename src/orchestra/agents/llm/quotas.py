"""What the headers of an answer say of the quota that is left.

OpenAI and compatible servers: `x-ratelimit-remaining-requests`, `x-ratelimit-reset-requests: 6m0s`.
Anthropic: `anthropic-ratelimit-requests-remaining`, `…-reset: 2026-01-01T00:00:00Z`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from orchestra.agents.providers.failures import GATE_MAX_MS

UNSAID_MS = 5_000
_OPENAI = "x-ratelimit-remaining-"
_ANTHROPIC = re.compile(r"anthropic-(?:priority-)?ratelimit-.+-remaining")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "": 1_000}


def gate_ms(headers: Mapping[str, str]) -> int:
    """For how long nobody should ask: until the last quota that is used up is filled again.

    0 while every quota has something left. `headers` have names in lower case.
    """
    waits = [*_waits(headers)]
    return min(GATE_MAX_MS, max(waits)) if waits else 0


def _waits(headers: Mapping[str, str]) -> Iterator[int]:
    for name, value in headers.items():
        if value.strip() not in ("0", "0.0"):
            continue
        if name.startswith(_OPENAI):
            yield _duration_ms(headers.get(name.replace("-remaining-", "-reset-", 1), ""))
        elif _ANTHROPIC.fullmatch(name):
            until = headers.get(name.removesuffix("-remaining") + "-reset", "")
            yield _until_ms(until, headers.get("date", ""))


def _duration_ms(said: str) -> int:
    """`6m0s`, `120ms`, `1.5`."""
    parts = _DURATION.findall(said)
    if not parts or len(said) > 32 or "".join(a + b for a, b in parts) != said:
        return UNSAID_MS
    return min(GATE_MAX_MS, round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts)))


def _until_ms(until: str, date: str) -> int:
    """An instant is measured against the answer's own date: the clocks of two machines differ."""
    try:
        wait = datetime.fromisoformat(until) - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return UNSAID_MS
    return max(0, round(wait.total_seconds() * 1_000))
