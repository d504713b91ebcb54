"""The rules of tenants: kept in the store, with those that come with the product among them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.monitoring.alerts.builtin import CHANGEABLE, built_in
from orchestra.monitoring.alerts.records import (
    RULES_MAX,
    Rule,
    RuleBuiltIn,
    RuleMoved,
    RuleQuota,
    RuleUnknown,
    Status,
)
from orchestra.store import alert_keys, frames
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

OVERRIDES_MAX: Final = 200
_STATUS: Final = msgspec.json.Decoder(Status)


class Rules:
    """Reads and writes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._prefix = alert_keys.alerts(store.space)
        self._scripts = load_scripts(__package__ or "")

    async def of_tenant(self, tenant: Tenant) -> list[Rule]:
        """All of a tenant, the built-in ones first, the others by when they were made."""
        asked = (
            self._read("HGETALL", alert_keys.rules(self._prefix, tenant)),
            self._read("HGETALL", alert_keys.overrides(self._prefix, tenant)),
        )
        own, changed = [cast("list[bytes]", await one) for one in asked]
        rules = [rule for text in own[1::2] if (rule := _decoded(text))]
        overrides = {rule.id: rule for text in changed[1::2] if (rule := _decoded(text))}
        first = [with_override(one, overrides.get(one.id)) for one in built_in(tenant)]
        return [*first, *sorted(rules, key=lambda one: (one.created_ms, one.id))]

    async def get(self, tenant: Tenant, rule_id: str) -> Rule:
        """As it is now. Raises RuleUnknown."""
        default = next((one for one in built_in(tenant) if one.id == rule_id), None)
        kept = alert_keys.overrides if default else alert_keys.rules
        text = cast("bytes | None", await self._read("HGET", kept(self._prefix, tenant), rule_id))
        found = _decoded(text) if text else None
        if default:
            return with_override(default, found)
        if found is None:
            raise RuleUnknown("there is no rule of this id")
        return found

    async def create(self, rule: Rule) -> Rule:
        """Keep a new one. Raises RuleQuota; RuleMoved when there is one of this id."""
        if not await self._put(rule):
            raise RuleMoved("there is a rule of this id")
        return rule

    async def change(self, before: Rule, after: Rule) -> Rule:
        """Keep `after` if the rule is still as it was. Raises RuleMoved, RuleUnknown."""
        after = msgspec.structs.replace(
            after, revision=before.revision + 1, updated_ms=self._clock.now_ms()
        )
        if not await self._put(after):
            now = await self.get(after.tenant, after.id)
            raise RuleMoved("the rule has another revision", revision=now.revision)
        return after

    async def remove(self, rule: Rule, revision: int | None = None) -> None:
        """Forget it; its alerts end within seconds. Raises RuleBuiltIn, RuleUnknown, RuleMoved."""
        if rule.built_in:
            raise RuleBuiltIn("this rule comes with the product: disable it instead")
        gone = await self._store.insist(
            lambda: self._store.run(
                self._scripts["rule_drop"],
                self._prefix,
                tenant=rule.tenant,
                id=rule.id,
                revision=revision or 0,
            )
        )
        if gone == -1:
            now = await self.get(rule.tenant, rule.id)
            raise RuleMoved("the rule has another revision", revision=now.revision)

    async def revisions(self) -> dict[Tenant, int]:
        """How often the rules of each tenant were changed. Raises StoreAway."""
        flat = cast("list[bytes]", await self._read("HGETALL", self._changes()))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {Tenant(tenant.decode()): int(count) for tenant, count in pairs}

    async def statuses(self, tenant: Tenant) -> dict[str, Status]:
        """How the last evaluations went, by rule. Raises StoreAway."""
        key = alert_keys.rule_states(self._prefix, tenant)
        flat = cast("list[bytes]", await self._read("HGETALL", key))
        rows = zip(flat[::2], flat[1::2], strict=True)
        read = ((rule.decode(), _status(text)) for rule, text in rows)
        return {rule: status for rule, status in read if status is not None}

    def _changes(self) -> str:
        return alert_keys.rule_changes(self._prefix)

    async def _put(self, rule: Rule) -> bool:
        framed = frames.pack(msgspec.json.encode(rule))
        most = OVERRIDES_MAX if rule.built_in else RULES_MAX
        stored = await self._store.insist(
            lambda: self._store.run(
                self._scripts["rule_put"],
                self._prefix,
                kind="b" if rule.built_in else "r",
                tenant=rule.tenant,
                id=rule.id,
                revision=rule.revision,
                record=framed,
                most=most,
            )
        )
        if stored == -1:
            raise RuleQuota(f"a tenant has at most {most} rules", limit=most)
        return bool(stored)

    async def _read(self, *command: str) -> Any:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command), 2.0)


def with_override(rule: Rule, changed: Rule | None) -> Rule:
    """A built-in rule, with what was changed of it."""
    if changed is None:
        return rule
    fields: Mapping[str, Any] = {name: getattr(changed, name) for name in CHANGEABLE}
    return msgspec.structs.replace(
        rule, **fields, revision=changed.revision, updated_ms=changed.updated_ms
    )


def find(rules: Sequence[Rule], rule_id: str) -> Rule | None:
    """The one of this id."""
    return next((one for one in rules if one.id == rule_id), None)


def _status(text: bytes) -> Status | None:
    try:
        return _STATUS.decode(text)
    except msgspec.DecodeError:
        log.exception("alert.status_unreadable")
        return None


def _decoded(record: bytes) -> Rule | None:
    try:
        return msgspec.json.decode(frames.unpack(record.partition(b"|")[2]), type=Rule)
    except (frames.CorruptRecord, msgspec.DecodeError, msgspec.ValidationError):
        log.exception("alert.rule_unreadable")
        return None
