"""Workflows and executions over HTTP."""
