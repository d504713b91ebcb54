"""The settings of what is kept to look at: of the log, what is shown, how long and how much of it
is kept; of executions, how many are profiled.
"""

from typing import Annotated, Literal

from msgspec import Meta

from orchestra.event_settings import EventSettings


class LogSettings(EventSettings, frozen=True, kw_only=True):
    """A part of `Settings`."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least level that is shown.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "console", "json"], Meta(description="auto: console on a terminal.")
    ] = "auto"
    log_keep_s: Annotated[
        int, Meta(ge=60, le=31_536_000, description="Lines can be searched for this long.")
    ] = 604_800
    log_keep_mb: Annotated[
        int,
        Meta(ge=0, le=65_536, description="Lines of a tenant, packed, in MiB; 0 gathers none."),
    ] = 64
    profiles_per_s: Annotated[
        int,
        Meta(ge=0, le=1_000, description="Ended executions of a tenant profiled; 0: none."),
    ] = 50
