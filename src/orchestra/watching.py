"""Who is told of alerts, put together of parts that know nothing of each other: contacts of
monitoring, endpoints of the bus, mail of a connector, the guard of what is dialled.
"""

from typing import Final

import msgspec

from orchestra.agents import PythonAgent
from orchestra.bus.module import BusModule
from orchestra.clock import Clock, Ids
from orchestra.connectors.email import Mailer, email_agent
from orchestra.connectors.email_queue import HOME, QUEUE, WORKING, MailDesk, MailWorker
from orchestra.connectors.email_server import Line, Server
from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.notifications.ports import Ports
from orchestra.monitoring.notifications.standing import standing_of
from orchestra.monitoring.notifications.timing import Lead
from orchestra.monitoring.notifications.wiring import NotificationsPart
from orchestra.security.destinations import policy
from orchestra.security.mail_guard import MailGuard
from orchestra.security.ourselves import policy_of
from orchestra.security.outbound import Outbound
from orchestra.settings import Settings
from orchestra.store.client import Store

CALL_S: Final = 10.0
ANSWER_MAX_BYTES: Final = 65_536


class Post(msgspec.Struct, frozen=True):
    """How mail leaves: the connector, and its agent, if the settings name a server."""

    mailer: Mailer
    agents: tuple[PythonAgent, ...]


def post_of(settings: Settings, store: Store, clock: Clock) -> Post:
    """Raises ServerInvalid."""
    line = None
    if settings.smtp_url is not None:
        line = Line(Server.of(settings.smtp_url), MailGuard(settings, lambda: store.servers))
    mailer = Mailer(line, settings.smtp_from, clock)
    return Post(mailer, (email_agent(mailer),) if line else ())


def notifications_of(
    settings: Settings, store: Store, bus: BusModule, post: Post, lead: Lead,
    ports: tuple[Clock, Ids],
) -> NotificationsPart:  # fmt: skip
    """The notifications of one replica. Where agents run, mail is sent."""
    clock, ids = ports
    assert bus.webhooks is not None
    if "agents" in settings.runs:
        bus.worker(HOME, QUEUE, MailWorker(post.mailer, bus.publish), WORKING)
    outbound = Outbound(policy(settings.network_allow))

    async def call(url: str) -> int:
        outbound.adopt(await policy_of(settings, store.servers))
        reply = await outbound.send("GET", url, {}, b"", CALL_S, ANSWER_MAX_BYTES)
        return reply.status

    needs = Ports(
        bus,
        bus.webhooks.managed("contact"),
        MailDesk(post.mailer, clock),
        standing_of(Alerts(store, clock)),
        call,
        settings.watchdog_url,
    )
    return NotificationsPart(store, clock, ids, lead, needs)
