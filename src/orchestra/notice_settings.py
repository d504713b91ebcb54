"""The settings of notifications: how mail leaves, and who is told that monitoring lives."""

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from msgspec import Meta

from orchestra.errors import Problem
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


def check_notices(settings: NoticeSettings) -> list[Problem]:
    """What is wrong with them. Nothing is quoted: the URLs may hold passwords."""
    found: list[Problem] = []
    if settings.smtp_url is not None and not _is_mail(settings.smtp_url):
        told = "must be like smtp://user:password@host:587 or smtps://host, ?tls=none or starttls"
        found.append(Problem("smtp_url", "value", told))
    if settings.smtp_url is not None and "@" not in (settings.smtp_from or ""):
        found.append(Problem("smtp_from", "value", "mail needs a sender, such as a@example.com"))
    if settings.watchdog_url is not None:
        parts = urlsplit(settings.watchdog_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            found.append(Problem("watchdog_url", "value", "must be an http or https URL"))
    return found


def _is_mail(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError:
        return False
    asked = parse_qs(parts.query).get("tls", [""])[0]
    good = parts.scheme in ("smtp", "smtps") and asked in ("", "none", "starttls")
    return good and bool(parts.hostname)
