"""Replicas that notify, on one store: what they decide, and what each of them hands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from alert_tales import a_word

from orchestra.bus import Bus, Draft, Event, Sending
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.errors import Unavailable
from orchestra.monitoring.notifications.book import Book
from orchestra.monitoring.notifications.hush import Silences
from orchestra.monitoring.notifications.ports import Hooks, Mail, Ports
from orchestra.monitoring.notifications.posting import Postman
from orchestra.monitoring.notifications.records import Contact, Standing
from orchestra.monitoring.notifications.shelf import Shelf
from orchestra.monitoring.notifications.telling import Teller
from orchestra.monitoring.notifications.timing import Timekeeper
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant

IDS = Ids(SystemClock(), system_random())


@dataclass
class Moved:
    """A clock that stands still until it is moved."""

    ms: int = 1_700_000_000_000

    def now_ms(self) -> int:
        """As it was set."""
        return self.ms

    def monotonic(self) -> float:
        """The same in seconds."""
        return self.ms / 1_000

    async def sleep(self, seconds: float) -> None:
        """Not here."""
        raise AssertionError(seconds)


@dataclass
class Line:
    """A bus that notes what it is given. While `away` it takes nothing."""

    mails: list[Mail] = field(default_factory=list[Mail])
    told: list[Event] = field(default_factory=list[Event])
    published: list[Draft] = field(default_factory=list[Draft])
    away: bool = False

    async def enqueue(self, _: Tenant, __: str, job: Mail, options: Sending) -> str:
        """As the bus: the same `dedup` is the same job."""
        if self.away:
            raise Unavailable("not now")
        assert options.dedup == job.id
        assert options.urgent
        if job.id not in {one.id for one in self.mails}:
            self.mails.append(job)
        return job.id

    async def publish(self, draft: Draft, *, dedup: str | None = None) -> str:
        """An event."""
        assert dedup
        self.published.append(draft)
        return dedup

    async def tell(self, _: str, event: Event) -> bool:
        """An endpoint."""
        if event.id not in {one.id for one in self.told}:
            self.told.append(event)
        return True


@dataclass
class World:
    """A store, a time, what fires, and what was put in line by anybody."""

    store: Store
    clock: Moved = field(default_factory=Moved)
    line: Line = field(default_factory=Line)
    firing: dict[Tenant, dict[str, Standing]] = field(default_factory=dict[Tenant, Any])

    def replica(self) -> "Replica":
        """One more."""
        return Replica(self)

    async def contact(self, tenant: Tenant = HOME, **given: Any) -> Contact:
        """One more; the default one."""
        base = Contact(IDS.new("con"), tenant, "oncall", "email", ("on@example.com",))
        made = msgspec.structs.replace(base, **given)
        await Book(self.store, self.clock).put(made, default=True)
        return made

    def event(self, kind: str, alert: str = "alr_1.a", **given: Any) -> Event:
        """What the outbox tells of an alert; from now on it stands so."""
        tenant: Tenant = given.pop("tenant", HOME)
        told = a_word(kind, self.clock.ms, alert, **given)
        stands = self.firing.setdefault(tenant, {})
        if kind == "alert.fired":
            stands[alert] = Standing(told.rule_id, told.name, told.labels, told.severity)
        elif kind == "alert.resolved":
            stands.pop(alert, None)
        unnamed = msgspec.structs.replace(told, type="")
        data = msgspec.Raw(msgspec.json.encode(unnamed))
        name = f"evt_{alert}_{kind}_{self.clock.ms}"
        return Event(name, kind, "/orchestra/alerts", alert, tenant, "module", self.clock.ms, data)

    def subjects(self) -> Sequence[str]:
        """Of the mails in line."""
        return [one.subject for one in self.line.mails]


class Replica:
    """Hears, looks, hands on."""

    def __init__(self, world: World) -> None:
        store, clock = world.store, world.clock
        self.asked = 0
        """How often it asked what fires."""
        self.book, self.silences, self.shelf = (
            Book(store, clock),
            Silences(store, clock),
            Shelf(store),
        )
        ports = Ports(
            cast("Bus", world.line), cast("Hooks", world.line), _nothing, self._firing, _never
        )
        self._world = world
        self.postman = Postman(self.book, self.shelf, ports, clock, IDS)
        self.teller = Teller(
            self.shelf, self.book, self.silences, self.postman, (self._firing, clock)
        )
        self.timekeeper = Timekeeper(self.shelf, self.teller, self.postman, _Leads(), ports, clock)

    async def _firing(self, tenant: Tenant) -> Mapping[str, Standing]:
        self.asked += 1
        return self._world.firing.get(tenant, {})


class _Leads:
    leads = True


async def _nothing(_: Mail) -> Mapping[str, Any]:
    raise AssertionError("nobody tests")


async def _never(_: str) -> int:
    raise AssertionError("nobody calls")
