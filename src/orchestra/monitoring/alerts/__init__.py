"""Alerts: rules about what is measured, who is over them, and since when.

A rule has one alert for each set of labels. One replica evaluates at a time; what it decides and
what it says of it are one script, so that each transition is told exactly once.
"""
