"""The settings of events: how long they are kept, and what one tenant may ask of them."""

from typing import Annotated

import msgspec
from msgspec import Meta


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A part of `Settings`."""

    events_keep_s: Annotated[
        float, Meta(ge=1, le=31_536_000, description="Published events are kept this long.")
    ] = 604_800.0
    events_keep_mb: Annotated[
        int, Meta(ge=1, le=65_536, description="Published events kept in a partition, in MiB.")
    ] = 64
    journal_keep_s: Annotated[
        float, Meta(ge=60, le=31_536_000, description="Events of executions are kept this long.")
    ] = 86_400.0
    events_per_s: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Events a tenant may publish over HTTP a second.")
    ] = 500
    events_burst: Annotated[
        int, Meta(ge=100, le=10_000_000, description="Events a tenant may publish at once.")
    ] = 2_000
    streams_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Live streams a tenant may have open.")
    ] = 100
    streams_each_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Live streams one caller may have open.")
    ] = 10
