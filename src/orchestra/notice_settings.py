"""The settings of notifications: how mail leaves, and who is told that monitoring lives."""

from typing import Annotated

from msgspec import Meta

from orchestra.log_settings import LogSettings


class NoticeSettings(LogSettings, frozen=True, kw_only=True):
    """A part of `Settings`."""

    smtp_url: Annotated[
        str | None,
        Meta(description="Server that takes mail: smtp://user:password@host:587, smtps://host."),
    ] = None
    smtp_from: Annotated[
        str | None, Meta(description="Sender of mail: alerts@example.com, or Name <address>.")
    ] = None
    watchdog_url: Annotated[
        str | None, Meta(description="Called every minute for as long as alerts are watched over.")
    ] = None
