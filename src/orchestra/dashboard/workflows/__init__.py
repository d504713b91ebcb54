"""`/workflows`: the list, one of them, and running it."""

from orchestra.dashboard.workflows import pages, running

ROUTES = (*pages.ROUTES, *running.ROUTES)
