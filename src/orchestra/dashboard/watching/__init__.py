"""`/monitoring`: figures over time. Charts of everything, any series by hand, services."""
