"""Types of events that tenants define: what the data of each has to look like."""
