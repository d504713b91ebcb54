"""What a contact is told of a group, and when. Pure: what is known goes in, what is said comes out.

News wait for `group_wait`, so that what comes together is told together. What still fires is said
again every `repeat`, unless somebody acknowledged it. Of an alert that is silenced or muted nothing
is said: its news stay news until it is not. One that flaps is a digest: one letter when it begins,
one when it has been quiet for half an hour.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

import msgspec

from orchestra.monitoring.notifications.matching import Grave, graves, silence_of
from orchestra.monitoring.notifications.records import (
    MEMBERS_MAX,
    SEVERITIES,
    SHOWN_MAX,
    Contact,
    Group,
    Letter,
    LetterKind,
    Line,
    Member,
    Silence,
    Standing,
    Told,
    facts_of,
    letter_id,
)

HUSHED_LOOK_MS: Final = 15_000
"""A group with something silenced or muted in it is looked at so often."""
SUMMARY_MAX: Final = 1_000
LOOK_MS: Final = 3_600_000
"""So often is a group looked at in which anything fires."""
FLAPPING_LOOK_MS: Final = 60_000
QUIET_MS: Final = 1_800_000
"""An alert that flapped has settled after so long."""
_RANKS: Final = {
    "alert.fired": 1,
    "alert.flapping": 2,
    "alert.acknowledged": 3,
    "alert.resolved": 4,
}


class Known(msgspec.Struct, frozen=True):
    """What there is to know of a tenant at a moment. `firing` None: it cannot be had."""

    at_ms: int
    contact: Contact
    silences: Sequence[Silence] = ()
    firing: Mapping[str, Standing] | None = None
    grave: Grave | None = None
    """Of those that fire, the critical ones, if somebody sorted them already."""


def heard(group: Group, told: Told, now_ms: int) -> Group | None:
    """The group after something was said of an alert; None: it was heard before."""
    before = next((one for one in group.members if one.alert == told.alert_id), None)
    if before is not None and not _is_newer(before, told):
        return None
    after = _after(before, told)
    if after is None:
        return None
    others = [one for one in group.members if one.alert != told.alert_id]
    members = _bounded([*others, after])
    wait_until = group.wait_until_ms
    if _is_news(after, with_end=True) and wait_until is None:
        wait_until = now_ms + told.group_wait_s * 1_000
    group = msgspec.structs.replace(
        group,
        members=members,
        wait_s=told.group_wait_s,
        repeat_s=told.repeat_s,
        wait_until_ms=wait_until,
    )
    return msgspec.structs.replace(group, due_ms=_due(group, now_ms))


def looked(group: Group, known: Known) -> tuple[Group, list[Letter]]:
    """The group after a look at it, and what is said."""
    now, with_end = known.at_ms, known.contact.resolved
    if known.grave is None:
        known = msgspec.structs.replace(known, grave=graves(known.firing))
    members = tuple(_hushed(_present(one, known), known) for one in group.members)
    waits = group.wait_until_ms is not None and now < group.wait_until_ms
    silenced = {one.alert for one in group.members if one.hushed == "silence"}
    open_ones = [one for one in members if not one.hushed]
    back = [one for one in open_ones if one.firing and one.alert in silenced]
    news = [one for one in open_ones if one in back or _is_news(one, with_end=with_end, at_ms=now)]
    live = [one for one in open_ones if one.firing and not _is_acknowledged(one, known)]
    kind = None if waits else _kind(news, back)
    if kind is None and not waits and _repeats(group, live, now):
        kind, news = "repeat", live
    letters: list[Letter] = []
    said_ms, repeats = group.said_ms, group.repeats
    if kind is not None:
        repeats = repeats + 1 if kind == "repeat" else 0
        letters = [_letter(group, kind, news, now, repeats)]
        fresh = {one.alert for one in news}
        members = tuple(_knows(one) if one.alert in fresh else one for one in members)
        said_ms = now
    after = msgspec.structs.replace(
        group,
        members=tuple(map(_settled, members)),
        wait_until_ms=group.wait_until_ms if waits else None,
        said_ms=said_ms,
        repeats=repeats,
    )
    repeated = frozenset(one.alert for one in live)
    return msgspec.structs.replace(after, due_ms=_due(after, now, repeated)), letters


def _is_newer(before: Member, told: Told) -> bool:
    if told.at_ms != before.at_ms:
        return told.at_ms > before.at_ms
    return _RANKS.get(told.type, 0) > _RANKS.get(before.last, 0)


def _after(before: Member | None, told: Told) -> Member | None:
    """The alert after this was said of it; None: it is nothing to the group."""
    if before is None and told.type in ("alert.resolved", "alert.acknowledged"):
        return None
    kept = before or Member(
        told.alert_id, told.rule_id, told.name, told.labels, told.severity, told.summary,
        told.runbook, told.value, told.episode, told.at_ms, told.at_ms,
    )  # fmt: skip
    fires = told.type in ("alert.fired", "alert.flapping") or (
        told.type == "alert.acknowledged" and kept.firing
    )
    begins = fires and (before is None or not before.firing)
    changed = before is not None and fires != before.firing
    return msgspec.structs.replace(
        kept,
        name=told.name,
        severity=told.severity,
        summary=told.summary[:SUMMARY_MAX],
        runbook=told.runbook[:SUMMARY_MAX],
        value=told.value,
        episode=told.episode,
        since_ms=told.at_ms if begins else kept.since_ms,
        at_ms=told.at_ms,
        seen_ms=told.at_ms,
        last=told.type,
        firing=fires,
        flapping=fires and (kept.flapping or told.type == "alert.flapping"),
        swings=kept.swings + changed,
    )


def _is_news(one: Member, *, with_end: bool, at_ms: int | None = None) -> bool:
    """Whether the contact does not know of it. Without a time: whether it may be to be told."""
    if one.flapping:
        if one.known != "flapping":
            return True
        return at_ms is not None and at_ms - one.seen_ms >= QUIET_MS
    if one.firing:
        return one.known != "firing" or one.known_episode != one.episode
    return one.known in ("firing", "flapping") and with_end


def _present(one: Member, known: Known) -> Member:
    """As the alerts say it stands: one they do not know any more has ended."""
    if known.firing is None:
        return one
    standing = known.firing.get(one.alert)
    if standing is None:
        gone = one.firing and known.at_ms - one.seen_ms > HUSHED_LOOK_MS
        return msgspec.structs.replace(one, firing=False, seen_ms=known.at_ms) if gone else one
    if one.flapping and one.known == "flapping" and not standing.flapping:
        return msgspec.structs.replace(one, seen_ms=0)  # it has come to rest
    return msgspec.structs.replace(one, seen_ms=known.at_ms) if one.flapping else one


def _hushed(one: Member, known: Known) -> Member:
    """With the reason why nothing may be said of it, if there is one."""
    facts = facts_of(one.labels, one.name, one.severity, one.rule)
    hushed: Literal["", "silence", "mute"] = ""
    if silence_of(known.silences, facts, known.at_ms) is not None:
        hushed = "silence"
    elif one.severity != "critical" and one.firing and _is_muted(one, known):
        hushed = "mute"
    return msgspec.structs.replace(one, hushed=hushed)


def _is_muted(one: Member, known: Known) -> bool:
    """Whether something critical fires for the same labels; without labels: for the same metric."""
    own = (known.firing or {}).get(one.alert)
    for name, metric in (known.grave or {}).get(frozenset(one.labels.items()), ()):
        if name == one.alert:
            continue
        if one.labels or (own is not None and own.metric and own.metric == metric):
            return True
    return False


def _is_acknowledged(one: Member, known: Known) -> bool:
    standing = (known.firing or {}).get(one.alert)
    return standing.acknowledged if standing else one.last == "alert.acknowledged"


def _kind(news: Sequence[Member], back: Sequence[Member]) -> LetterKind | None:
    if not news:
        return None
    flapping = [one for one in news if one.flapping]
    if len(flapping) == len(news):
        return "flapping" if any(one.known != "flapping" for one in flapping) else "settled"
    if len(back) == len(news):
        return "unsilenced"
    return "firing" if any(one.firing for one in news) else "resolved"


def _repeats(group: Group, live: Sequence[Member], now: int) -> bool:
    told = [one for one in live if one.known == "firing"]
    said = group.said_ms
    return bool(told) and said is not None and now - said >= group.repeat_s * 1_000


def _knows(one: Member) -> Member:
    """After the contact was told."""
    if one.flapping and one.known != "flapping":
        return msgspec.structs.replace(one, known="flapping", known_episode=one.episode, swings=0)
    known = "firing" if one.firing else "resolved"
    return msgspec.structs.replace(
        one, known=known, known_episode=one.episode, flapping=False, swings=0
    )


def _letter(
    group: Group, kind: LetterKind, news: Sequence[Member], now: int, number: int
) -> Letter:
    ordered = sorted(news, key=_weight)
    lines = tuple(
        Line(
            one.alert, one.rule, one.name, one.labels, one.severity, one.summary, one.runbook,
            one.value, one.firing, one.since_ms, one.at_ms, one.swings,
        )
        for one in ordered[:SHOWN_MAX]
    )  # fmt: skip
    episodes = [(one.alert, one.episode, one.since_ms) for one in news]
    # The same firing may be told again: what was said before it makes the difference.
    n = 0 if kind in ("firing", "resolved") else group.said_ms or 0
    name = letter_id(group.contact, episodes, kind, n)
    more = len(ordered) - len(lines)
    return Letter(name, group.tenant, group.contact, group.id, kind, now, lines, more, number)


def _weight(one: Member) -> tuple[bool, int, int, str]:
    """Those that fire first, the gravest of them, the oldest."""
    return not one.firing, -SEVERITIES.index(one.severity), one.since_ms, one.alert


def _settled(one: Member) -> Member:
    """What ended before the contact was told of it is nothing to tell. It stays in the group: a
    word about it may come again.
    """
    if one.firing or one.known or one.flapping:
        return one
    return msgspec.structs.replace(one, known="resolved", known_episode=one.episode, swings=0)


def _bounded(members: Sequence[Member]) -> tuple[Member, ...]:
    """At most so many: those that ended go first, then those of which nothing was heard longest."""
    if len(members) <= MEMBERS_MAX:
        return tuple(members)
    kept = sorted(members, key=lambda one: (one.firing, one.at_ms))
    return tuple(kept[len(members) - MEMBERS_MAX :])


def _due(group: Group, now_ms: int, repeated: Collection[str] | None = None) -> int | None:
    """When it is to be looked at again. `repeated`: of what it is said again that it fires."""
    at: list[int] = []
    if group.wait_until_ms is not None:
        at.append(group.wait_until_ms)
    for one in group.members:
        if one.firing:
            at.append(now_ms + LOOK_MS)
        if one.hushed:
            if one.firing or one.known in ("firing", "flapping"):
                at.append(now_ms + HUSHED_LOOK_MS)
        elif one.flapping:
            at.append(now_ms + FLAPPING_LOOK_MS)
        elif (repeated is None or one.alert in repeated) and one.known == "firing":
            said = group.said_ms or now_ms
            at.append(max(said + group.repeat_s * 1_000, now_ms + 1_000))
    return min(at, default=None)
