"""The language: what people write, read with all findings at once, and what it means."""
