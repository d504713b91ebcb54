"""Reading what people write about an agent: all findings at once, or what it means."""
