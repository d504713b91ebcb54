"""The table of states, once more and pure: what a back-test runs on, and what the script is."""

import math
from typing import Final

import msgspec

from orchestra.monitoring.alerts.records import FLAP_FIRES, FLAP_S, OPEN, State, Type, Verdict

FLAP_MS: Final = FLAP_S * 1_000


class Standing(msgspec.Struct, frozen=True):
    """Where an alert stands. `times`: its last firings; `moved_ms`: when it fired or resolved.

    `seen_ms`: for how long it was seen in this state, until `at_ms`.
    """

    state: State = "ok"
    since_ms: int = 0
    fires: int = 0
    times: tuple[int, ...] = ()
    moved_ms: int = 0
    flapping: bool = False
    seen_ms: int = 0
    at_ms: int = 0


def after(state: State, verdict: Verdict, seen_ms: int, for_ms: int, keep_ms: int) -> State:
    """The state behind an evaluation, once it was seen in this one for `seen_ms`."""
    match state, verdict:
        case _, "keep":
            return state
        case _, "gone":
            return "ok"
        case "ok", "breach":
            return "pending" if for_ms else "firing"
        case "pending", "breach":
            return "firing" if seen_ms >= for_ms else "pending"
        case "pending", _:
            return "ok"
        case "firing", "clear":
            return "recovering" if keep_ms else "ok"
        case "recovering", "clear":
            return "ok" if seen_ms >= keep_ms else "recovering"
        case "recovering", _:
            return "firing"
        case _:
            return state


def moved(
    one: Standing,
    verdict: Verdict,
    now_ms: int,
    for_ms: int,
    keep_ms: int,
    most_ms: float = math.inf,
) -> tuple[Standing, Type | None]:
    """Where it stands behind an evaluation, and what is said of that.

    Since the evaluation before no more than `most_ms` can have passed, whatever clocks say.
    """
    if now_ms < one.since_ms:
        return one, None
    one = _seen(one, now_ms, most_ms)
    if verdict == "keep":
        return one, None
    state = after(one.state, verdict, one.seen_ms, for_ms, keep_ms)
    was_open, is_open = one.state in OPEN, state in OPEN
    fires_now, ends_now = is_open and not was_open, was_open and state == "ok"
    still = not fires_now and not ends_now
    calm = one.flapping and still and now_ms - one.moved_ms >= FLAP_MS
    over = one.flapping and state == "ok" and (calm or verdict == "gone")
    if state == one.state and not calm and not over:
        return one, None
    made = msgspec.structs.replace(one, state=state)
    said: Type | None = None
    if state != one.state:
        made = msgspec.structs.replace(made, since_ms=now_ms, seen_ms=0, at_ms=now_ms)
    if fires_now:
        times = (*one.times, now_ms)[-FLAP_FIRES - 1 :]
        flaps = len(times) > FLAP_FIRES and now_ms - times[0] <= FLAP_MS
        if not one.flapping:
            said = "alert.flapping" if flaps else "alert.fired"
        made = msgspec.structs.replace(
            made, fires=one.fires + 1, times=times, flapping=one.flapping or flaps
        )
    elif over or (ends_now and not one.flapping):
        said = "alert.resolved"
    if fires_now or ends_now:
        made = msgspec.structs.replace(made, moved_ms=now_ms)
    if calm or over:
        made = msgspec.structs.replace(made, flapping=False)
    return (Standing() if state == "ok" and not made.fires else made), said


def _seen(one: Standing, now_ms: int, most_ms: float) -> Standing:
    if one.state not in ("pending", "recovering"):
        return one
    seen_ms = one.seen_ms + int(max(0, min(now_ms - one.at_ms, most_ms)))
    return msgspec.structs.replace(one, seen_ms=seen_ms, at_ms=now_ms)
