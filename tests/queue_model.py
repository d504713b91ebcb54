"""A queue as it should be, without a store: what every call is to answer, in virtual time."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Item:
    """A message. `state` is the letter of the set it is in; `place` sorts it there."""

    id: str
    priority: int
    arrival: int
    group: str
    due: int
    state: str = ""
    tries: int = 0
    lost: int = 0
    token: str = ""
    until: int = 0
    kind: str = ""
    parked: bool = False


@dataclass
class Model:
    """One queue."""

    tries_max: int
    lost_max: int
    wait_ms: int
    items: dict[str, Item] = field(default_factory=dict[str, Item])
    heads: dict[str, str] = field(default_factory=dict[str, str])
    totals: Counter[str] = field(default_factory=Counter[str])
    arrivals: int = 0
    burials: int = 0
    alone: str = ""

    def of(self, state: str) -> list[Item]:
        """All in a state, in order."""
        order = {
            "r": lambda one: (one.priority, one.arrival),
            "z": lambda one: one.until,
            "l": lambda one: (one.until, one.id),
        }.get(state, lambda one: one.arrival)
        return sorted((one for one in self.items.values() if one.state == state), key=order)

    def send(self, message: str, priority: int, group: str, due: int, now: int) -> None:
        """A new one."""
        self.arrivals += 1
        self.totals["sent"] += 1
        one = self.items[message] = Item(message, priority, self.arrivals, group, due)
        self._enter(one, now)

    def receive(self, most: int, token: str, until: int, now: int) -> list[tuple[str, int]]:
        """What is leased: ids and tries."""
        self.advance(now)
        found = self.of("r")[:most]
        for one in found:
            one.state, one.token, one.until, one.due = "l", token, until, 0
            one.tries += 1
        self.totals["received"] += len(found)
        return [(one.id, one.tries) for one in found]

    def settle(self, message: str, token: str, outcome: str, now: int) -> int:
        """0 not held, 1 settled, 2 buried."""
        one = self.items.get(message)
        if one is None or one.state != "l" or one.token != token:
            return 0
        one.state = ""
        self._release(one, now)
        if outcome == "D":
            self.totals["acked"] += 1
            del self.items[message]
            self._follow(one.group, now)
            return 1
        if outcome == "P":
            self.totals["postponed"] += 1
            one.tries, one.lost, one.due = one.tries - 1, 0, now + self.wait_ms
            self._line_up(one, now)
            return 1
        self.totals["nacked"] += 1
        if outcome != "Y" or one.tries >= self.tries_max:
            self.totals["dead"] += 1
            self._bury(one, "buried" if outcome == "X" else "failed", now)
            return 2
        self.totals["retried"] += 1
        one.lost, one.due = 0, now + self.wait_ms
        self._line_up(one, now)
        return 1

    def extend(self, message: str, token: str, until: int) -> int:
        """1 it is leased until then."""
        one = self.items.get(message)
        if one is None or one.state != "l" or one.token != token:
            return 0
        one.until = until
        return 1

    def redrive(self, message: str, now: int) -> int:
        """1 it is back in line."""
        one = self.items.get(message)
        if one is None or one.state != "z":
            return 0
        self.totals["redriven"] += 1
        self.arrivals += 1
        one.tries = one.lost = one.due = 0
        one.arrival = self.arrivals
        self._enter(one, now)
        return 1

    def forget(self, message: str) -> int:
        """1 the dead letter is gone."""
        one = self.items.get(message)
        if one is None or one.state != "z":
            return 0
        del self.items[message]
        return 1

    def advance(self, now: int) -> None:
        """What is due by now."""
        for one in self.of("d"):
            if not one.parked and one.due <= now:
                self._line_up(one, now)
        for one in self.of("l"):
            if one.until > now:
                continue
            one.state = ""
            self.totals["expired"] += 1
            self._release(one, now)
            one.lost += 1
            if one.tries >= self.tries_max or one.lost >= self.lost_max:
                self.totals["dead"] += 1
                self._bury(one, "lost", now)
            else:
                self.totals["retried"] += 1
                self._line_up(one, now)

    def _enter(self, one: Item, now: int) -> None:
        if one.group and one.group in self.heads:
            one.state = "w"
        else:
            if one.group:
                self.heads[one.group] = one.id
            self._line_up(one, now)

    def _line_up(self, one: Item, now: int) -> None:
        one.token, one.parked = "", False
        if one.due > now:
            one.state = "d"
        elif 0 < one.lost >= self.lost_max - 1 and self.alone not in ("", one.id):
            one.state, one.parked = "d", True
        else:
            one.state = "r"
            if 0 < one.lost >= self.lost_max - 1:
                self.alone = one.id

    def _release(self, one: Item, now: int) -> None:
        if one.lost and self.alone == one.id:
            self.alone = ""
            for other in self.of("d"):
                if other.parked:
                    self._line_up(other, now)
                    break

    def _follow(self, group: str, now: int) -> None:
        if not group:
            return
        waiting = [one for one in self.of("w") if one.group == group]
        if waiting:
            self.heads[group] = waiting[0].id
            self._line_up(waiting[0], now)
        else:
            del self.heads[group]

    def _bury(self, one: Item, kind: str, now: int) -> None:
        self.burials += 1
        one.state, one.token, one.kind, one.until = "z", "", kind, self.burials
        self._follow(one.group, now)
