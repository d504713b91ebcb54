"""Processes: which modules run in this one, and how it answers for those that run in others."""
