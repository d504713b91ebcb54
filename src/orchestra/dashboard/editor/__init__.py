"""Writing a definition: the text, what the validator says of it while it is typed, and saving."""

from orchestra.dashboard.editor import checking, pages

ROUTES = (*pages.ROUTES, *checking.ROUTES)
