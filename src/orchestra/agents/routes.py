"""Agents over HTTP."""

from litestar import Controller


class AgentRoutes(Controller):
    """`/api/agents`."""

    path = "/api/agents"
