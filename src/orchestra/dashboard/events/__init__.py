"""The pages of events: what happens, what caused it, publishing, subscriptions, types."""
