"""What one tenant may ask of events, and how long they are kept."""

import msgspec

from orchestra.settings import Settings


class Limits(msgspec.Struct, frozen=True):
    """The settings of events. Bytes and times hold for each partition."""

    keep_ms: int = 7 * 86_400_000
    keep_bytes: int = 64 * 1_048_576
    """Of what was published; the oldest go first."""
    journal_keep_ms: int = 86_400_000
    per_s: int = 500
    burst: int = 2_000
    """Events a tenant may publish over HTTP, over all replicas."""
    streams_max: int = 100
    streams_each_max: int = 10
    """Live streams of a tenant, and of one caller, over all replicas."""


LIMITS = Limits()


def limits_of(settings: Settings) -> Limits:
    """As the settings say."""
    return Limits(
        keep_ms=round(settings.events_keep_s * 1_000),
        keep_bytes=settings.events_keep_mb * 1_048_576,
        journal_keep_ms=round(settings.journal_keep_s * 1_000),
        per_s=settings.events_per_s,
        burst=settings.events_burst,
        streams_max=settings.streams_max,
        streams_each_max=settings.streams_each_max,
    )
