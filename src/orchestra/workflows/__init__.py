"""Workflows: definitions, executions, and the durable engine that moves them.

Nobody asks this module through Python yet: its callers speak HTTP, and the composition root builds
`orchestra.workflows.module.WorkflowsModule`. What it publishes are the events of WORKFLOWS.md R43.
"""
