"""`/settings`: how pages look, secrets, plugins, what is in force, and a file for who helps."""
