"""`/insights`: where time and money go, of all and of one workflow, and what would save some."""
