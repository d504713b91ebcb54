"""All routes of `/alerts`."""

from orchestra.dashboard.alerts import contacts, lists, one, rules, silences

ROUTES = (*lists.ROUTES, *rules.ROUTES, *silences.ROUTES, *contacts.ROUTES, *one.ROUTES)
