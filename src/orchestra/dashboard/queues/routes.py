"""All addresses of queues."""

from orchestra.dashboard.queues import detail, letters, listing

ROUTES = (*listing.ROUTES, *letters.ROUTES, *detail.ROUTES)
