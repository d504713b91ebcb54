"""Bugs planted on purpose: each must be caught, or the simulation sees too little.

A script fault is a replacement in the text of one script, or of every script (`*`) that has it; an
engine fault replaces one method of a class for the duration of a block.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from unittest import mock

from orchestra.store.failures import StoreAway
from orchestra.store.leases import LeaseClock
from orchestra.store.scripts import Script
from orchestra.workflows.planning import failing, planner
from orchestra.workflows.planning.facts import Claim
from orchestra.workflows.ports import SCRIPTS, STORE_SCRIPTS
from orchestra.workflows.running.engine import Engine
from orchestra.workflows.running.memory import Memory
from orchestra.workflows.running.recording import Recorder
from simulation.history import WAITS_FROM

Replacement = tuple[str, str, str]

IN_SCRIPTS: dict[str, Replacement] = {
    "no-fence": ("step_complete", "string.sub(state, 2) ~= token then", "false then"),
    "claim-twice": (
        "*",
        "call('ZPOPMIN', key, max)",
        "call('ZRANGE', key, 0, max - 1, 'WITHSCORES')",
    ),
    "undo-early": ("*", "x.s ~= 'B' or x.r > 0 or x.u", "x.s ~= 'B' or x.u"),
    "undo-in-order": (
        "*",
        "call('LINDEX', p .. 'u:' .. owner, -1)",
        "call('LINDEX', p .. 'u:' .. owner, 0)",
    ),
    "no-park": ("*", "call('SADD', p .. 'pk:' .. owner, item)", "call('SCARD', p .. 'pk')"),
    "expire-none": ("clock_tick", "t >= grace or", "false or"),
    "paused-goes-on": ("*", "if x.s == 'P' then return 'park' end", ""),
    "ended-goes-on": ("*", "if x.s ~= 'R' and x.s ~= 'N' then return 'drop' end", ""),
    "never-unparked": (
        "execution_control",
        "call('ZADD', p .. 't', t, 'U|' .. eid)",
        "call('ZREM', p .. 't', 'U|' .. eid)",
    ),
    "join-first": ("step_complete", "if deps == '1' then", "if deps then"),
    "fence-from-zero": (
        "*",
        "return n and fmt('%d.0.%d.0', n, k + 1)",
        "return n and fmt('%d.0.%d.0', 0, k + 1)",
    ),
    "key-ignored": ("execution_start", "if idem ~= '' then", "if false then"),
    "late-uncounted": ("step_complete", "elseif not counts and kind", "elseif false and kind"),
    "join-uncounted": ("step_complete", "tally == '+' and more == 0", "tally == '+' and more == 1"),
    "early-unread": ("step_complete", "signal and '@!' .. signal or path", "path"),
    "signal-twice": ("signal_send", "if first then return {2, x.s, first} end", ""),
    "signal-unheard": (
        "signal_send",
        "woken(step[1], x, step[3], 'G', name)",
        "note('G', eid, step[2], '0', name, x)",
    ),
    "late-accepted": ("signal_send", "and began ~= '-'", ""),
    "timer-stays": ("signal_send", "call('ZREM', p .. 't', 'A|' .. item)", ""),
    "wait-left-behind": (
        "*",
        "do call('ZREM', p .. 't', 'A|' .. item) end",
        "do call('ZSCORE', p .. 't', 'A|' .. item) end",
    ),
}


@contextlib.contextmanager
def planted(name: str) -> Iterator[Mapping[str, Script]]:
    """A fault, by name: the scripts it changes, while the engine has what else it changes."""
    if name in IN_SCRIPTS:
        yield changed(*IN_SCRIPTS[name])
        return
    with contextlib.ExitStack() as stack:
        for owner, attribute, made in IN_ENGINE[name]:
            stack.enter_context(mock.patch.object(owner, attribute, made))
        yield {}


def changed(where: str, old: str, new: str) -> dict[str, Script]:
    """The scripts a replacement applies to, changed. It must apply to one at least."""
    made: dict[str, Script] = {}
    for script in [*STORE_SCRIPTS.values(), *SCRIPTS.values()]:
        if where in ("*", script.name) and old in script.source:
            source = script.source.replace(old, new)
            sha = hashlib.sha1(source.encode()).hexdigest()
            made[script.name] = replace(script, source=source, sha=sha)
    assert made, f"nothing to replace: {old}"
    return made


async def _no_doubt(_self: Engine, _tag: int) -> None:
    """A lost reply is forgotten, with the work it carried."""


async def _asked_once(self: Recorder, call: Any, *args: Any, **named: Any) -> Any:
    """A completion that was not answered is taken for recorded."""
    try:
        return await call(*args, **named)
    except StoreAway:
        if getattr(call, "__name__", "") == "once":
            return [2, b""]
        await self._a.clock.sleep(0.05)
        return await _asked_once(self, call, *args, **named)


async def _begun_unsaid(_self: Recorder, _claimed: object, _undo: str) -> bool:
    """The effect comes first, the intent never."""
    return True


def _keep_all(self: Memory, execution: str, path: str, record: Any, size: int) -> None:
    """A failed step is remembered as if it could not be tried again."""
    self.facts(execution).keep(path, record, size)


def _missing(self: Memory, work: Any, more: Any = ()) -> list[str]:
    """Whatever is remembered is not read again."""
    facts = work.facts
    fields = [p for p in (*work.node.needs, *more) if p not in facts.records]
    fields += [work.node.path] if work.node.opens and work.claim.n > 1 else []
    return fields + (["@in"] if facts.envelope is None else [])


def _never(_self: LeaseClock, _tag: int) -> bool:
    """It believes in its lease for ever."""
    return False


_failed = failing.failed


def _bump(value: int) -> Any:
    def failed(*args: Any, **named: Any) -> Any:
        made = _failed(*args, **named)
        if made.out == "Y":
            made.bump = value
        return made

    return failed


def _certain_always(node: Any, *, certain: bool) -> str:
    """A failed step is never undone, however uncertain its failure."""
    return "" if node.undo is None else "-" + node.undo.entry


def _no_crashes(claim: Claim) -> bool:
    """Claims that were lost or stopped are forgotten."""
    return claim.u == claim.k


def _planner_failed(value: int) -> list[tuple[Any, str, Any]]:
    return [(planner, "failed", _bump(value))]


IN_ENGINE: dict[str, list[tuple[Any, str, Any]]] = {
    "reply-forgotten": [(Engine, "doubt", _no_doubt)],
    "completed-once": [(Recorder, "insist", _asked_once)],
    "no-intent": [(Recorder, "begun", _begun_unsaid)],
    "crash-forgotten": [(failing, "_all_definite", _no_crashes)],
    "failures-cached": [(Memory, "keep", _keep_all), (Memory, "missing", _missing)],
    "lease-believed": [(LeaseClock, "fenced", _never), (LeaseClock, "lost", lambda _self: [])],
    "key-kept": _planner_failed(0),
    "key-changed": _planner_failed(1),
    "uncertain-forgotten": [(failing, "_undo", _certain_always)],
}
PLANTED = (*IN_SCRIPTS, *IN_ENGINE)
SEEN = {
    "no-fence": 25, "undo-early": 16, "no-park": 3, "paused-goes-on": 3, "never-unparked": 3,
    "fence-from-zero": 7, "key-ignored": 547, "late-uncounted": 188, "reply-forgotten": 6,
    "completed-once": 38, "no-intent": 33, "crash-forgotten": 127, "failures-cached": 18,
    "lease-believed": 13, "early-unread": WAITS_FROM, "signal-twice": WAITS_FROM,
    "signal-unheard": WAITS_FROM, "late-accepted": WAITS_FROM + 75, "timer-stays": WAITS_FROM,
    "wait-left-behind": WAITS_FROM,
}  # fmt: skip
"""The seed that caught each, where it was not the first: the test begins there.

A change of what the engine draws by chance moves them: `python -m simulation 800 0 FAULT`."""
