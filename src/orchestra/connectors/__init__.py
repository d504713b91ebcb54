"""Connectors: agents that live in this process and talk to something, or work something out.

Each is an `orchestra.agents.PythonAgent`, so a connector has one path in: a task for its
capability. `orchestra.connectors.builtin.BUILT_IN` lists those every server starts with.
"""
