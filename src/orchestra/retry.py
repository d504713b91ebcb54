"""How long to wait before trying again. One formula for steps, agents and the store's client."""

from collections.abc import Callable
from typing import Literal

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Delay after failed try n (from 1): min(max, initial · factorⁿ⁻¹), then jitter.

    `exponential` multiplies, `linear` adds `initial` each time, `fixed` stays. Jitter `full` is
    uniform in [0, d], `equal` in [d/2, d] (AWS Architecture Blog, "Exponential Backoff And
    Jitter", 2015), `none` is d.
    """

    kind: Literal["exponential", "linear", "fixed"] = "exponential"
    initial_ms: int = 1_000
    factor: float = 2.0
    max_ms: int = 60_000
    jitter: Literal["full", "equal", "none"] = "full"

    def delay_ms(self, tried: int, uniform: Callable[[], float], at_least_ms: int = 0) -> int:
        """Milliseconds to wait after the `tried`-th failure; `at_least_ms` is a `Retry-After`."""
        assert tried >= 1
        match self.kind:
            case "exponential":
                # The exponent is bounded before it is used: factor ** 10_000 overflows a double.
                ceiling = self.initial_ms * self.factor ** min(tried - 1, 64)
            case "linear":
                ceiling = float(self.initial_ms * tried)
            case "fixed":
                ceiling = float(self.initial_ms)
        ceiling = min(float(self.max_ms), ceiling)
        match self.jitter:
            case "full":
                ceiling *= uniform()
            case "equal":
                ceiling *= 0.5 + uniform() / 2
            case "none":
                pass
        return max(at_least_ms, round(ceiling))
