"""Monitoring, put together: what it is told of the modules beside it, and who is told of alerts.

Its parts know nothing of each other: contacts of monitoring, endpoints of the bus, mail of a
connector, the guard of what is dialled.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from orchestra.agents import PythonAgent
from orchestra.agents.module import AgentsModule
from orchestra.bus.module import BusModule
from orchestra.clock import Clock, Ids
from orchestra.connectors.email import Mailer, email_agent
from orchestra.connectors.email_queue import HOME, QUEUE, WORKING, MailDesk, MailWorker
from orchestra.connectors.email_server import Line, Server
from orchestra.monitoring import Part, Views
from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.alerts.wiring import AlertsPart
from orchestra.monitoring.analytics.wiring import AnalyticsPart
from orchestra.monitoring.logs.wiring import LogParts
from orchestra.monitoring.measuring import MetricsPart
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
from orchestra.workflows.module import WorkflowsModule

CALL_S: Final = 10.0
ANSWER_MAX_BYTES: Final = 65_536


class Post(msgspec.Struct, frozen=True):
    """How mail leaves: the connector, and its agent, if the settings name a server."""

    mailer: Mailer
    agents: tuple[PythonAgent, ...]


class Watched(msgspec.Struct, frozen=True):
    """What is watched, by what mail leaves, and the checks of the parts, which are filled later."""

    workflows: WorkflowsModule
    agents: AgentsModule
    bus: BusModule
    post: Post
    checks: Mapping[str, Callable[[], Awaitable[None]]]


def watching_of(
    settings: Settings, store: Store, beside: Watched, ports: tuple[Clock, Ids]
) -> Sequence[Part]:
    """The parts of monitoring, in the order in which they start."""
    clock, ids = ports
    workflows, agents, bus = beside.workflows, beside.agents, beside.bus
    views = Views(
        executions=workflows.listing.page,
        definition=workflows.catalogue.document,
        live=workflows.surveyor.live,
        agents=agents.surveyor.slots,
        webhooks=bus.hooks.pending,
        events=bus.events.latest.of,
        checks=beside.checks,
        surveys=(
            workflows.surveyor.survey,
            agents.surveyor.survey,
            bus.hooks.survey,
            bus.queues.telling.given_away(),
        ),
    )
    metrics = MetricsPart(store, clock, ids, views, [workflows.figures], bus.hub.overhear)
    analytics = AnalyticsPart(
        store, clock, metrics, workflows.profiles, agents.models, settings.profiles_per_s
    )
    logs = LogParts(settings, store, clock, ids)
    alerts = AlertsPart(store, clock, ids, metrics, logs.asking)
    metrics.overview.alerts = alerts.glance
    notices = notifications_of(settings, store, bus, beside.post, metrics.leading, ports)
    alerts.hush(notices.silences.matches)
    return (metrics, logs, analytics, alerts, notices)


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
        try:
            reply = await outbound.send("GET", url, {}, b"", CALL_S, ANSWER_MAX_BYTES)
        finally:
            await outbound.aclose()  # once a minute: nothing is kept open for it
        return reply.status

    needs = Ports(
        bus,
        bus.webhooks.managed("contact"),
        MailDesk(post.mailer, clock),
        standing_of(Alerts(store, clock), Rules(store, clock)),
        call,
        settings.watchdog_url,
    )
    return NotificationsPart(store, clock, ids, lead, needs)
