"""Executions as callers see them: shown, listed, controlled, archived."""
