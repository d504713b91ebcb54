"""All addresses of events."""

from orchestra.dashboard.events import subscriptions, tail, telling, types

ROUTES = (*tail.ROUTES, *telling.ROUTES, *subscriptions.ROUTES, *types.ROUTES)
