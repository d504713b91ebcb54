"""All addresses of webhooks."""

from orchestra.dashboard.webhooks import deliveries, endpoints, inbound, listing

ROUTES = (*listing.ROUTES, *inbound.ROUTES, *endpoints.ROUTES, *deliveries.ROUTES)
