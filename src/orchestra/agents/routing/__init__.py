"""Routing: which agent does a task, and what happens when it fails."""
