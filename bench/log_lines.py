"""Lines like those of a busy server: what L1 keeps and looks through."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from orchestra.clock import Ids, SystemClock

EVENTS = (
    "execution.ended", "call.failed", "agent.checked", "queue.job_failed", "step.late_result",
    "breaker.changed", "task.attempt_failed", "budget.exceeded", "slot.acquired", "stream.ended",
    "webhook.delivered", "schedule.fired",
)  # fmt: skip
STEPS = ("fetch", "classify", "score", "summarise", "reply", "archive")
LEVELS = ("debug",) * 3 + ("info",) * 14 + ("warning",) * 2 + ("error",)


def lines(count: int, seed: int = 1) -> Iterator[bytes]:
    """So many lines up to now: ids that change every few lines, and facts by chance."""
    rnd, clock = random.Random(seed), SystemClock()
    ids, end_us = Ids(clock, rnd), clock.now_ms() * 1_000
    execution = request = trace = ""
    for n in range(count):
        if n % 10 == 0:
            execution, trace = ids.new("exe"), f"{rnd.getrandbits(128):032x}"
        if n % 5 == 0:
            request = f"req_{clock.now_ms():012x}{rnd.getrandbits(80):020x}"
        at = datetime.fromtimestamp((end_us - (count - n) * 200 + rnd.randrange(200)) / 1e6, UTC)
        yield msgspec.json.encode(
            {
                "ts": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
                "level": rnd.choice(LEVELS),
                "event": rnd.choice(EVENTS),
                "tenant": "default",
                "request_id": request,
                "trace_id": trace,
                "execution_id": execution,
                "step": rnd.choice(STEPS),
                "attempt": 1 + (rnd.random() < 0.1),
                "agent": f"agt_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a{rnd.randrange(12):02d}",
                "latency_ms": int(rnd.expovariate(1 / 300)),
                "replica": f"orchestra-{rnd.randrange(3)}:7",
            }
        )
