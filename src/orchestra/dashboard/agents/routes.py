"""All addresses of agents."""

from orchestra.dashboard.agents import cards, detail, discovering, registering

ROUTES = (*cards.ROUTES, *registering.ROUTES, *discovering.ROUTES, *detail.ROUTES)
