"""Reading what callers want to be sent once more."""

from datetime import UTC, datetime

from orchestra.bus.patterns import PATTERNS_MAX, is_pattern
from orchestra.bus.webhooks.fields import Fields
from orchestra.bus.webhooks.reading import settle
from orchestra.bus.webhooks.replaying import PER_S_MAX, Wish
from orchestra.errors import Problem


def read_replay(body: object, now_ms: int) -> tuple[Wish, int]:
    """What, and how many a second. Raises WebhookInvalid."""
    findings: list[Problem] = []
    known = ("since", "until", "failed_only", "event_types", "per_s")
    fields = Fields(body, findings, known)
    if isinstance(body, dict) and not fields.has("since"):
        fields.find("since", "missing_field", "this field is required")
    since_ms, until_ms = _instant(fields, "since"), _instant(fields, "until")
    if since_ms is not None and until_ms is not None and until_ms <= since_ms:
        fields.find("until", "out_of_range", "must be later than since")
    types = fields.strings("event_types", PATTERNS_MAX, 128, _no_pattern)
    per_s = fields.whole("per_s", 1, PER_S_MAX) or PER_S_MAX
    wish = Wish(
        since_ms or 0, now_ms if until_ms is None else until_ms, fields.flag("failed_only"), types
    )
    settle(findings, "the replay is wrong")
    return wish, per_s


def milliseconds(at: datetime) -> int:
    """Since 1970; UTC unless it says where. What lies before is the beginning."""
    known = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0, round(known.timestamp() * 1_000))


def _instant(fields: Fields, name: str) -> int | None:
    text = fields.text(name, 64)
    if text is None:
        return None
    try:
        return milliseconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        fields.find(name, "format", "must be an instant such as 2026-11-23T08:00:00Z")
        return None


def _no_pattern(text: str) -> tuple[str, str] | None:
    return None if is_pattern(text) else ("bad_pattern", "is like step.*, order.** or **")
