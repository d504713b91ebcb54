"""How agents are: statuses, checks, figures, and the events that tell of changes."""
