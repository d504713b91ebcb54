"""Writing a definition: the text, what the validator says of it while it is typed, and saving."""

from orchestra.dashboard.editor import checking, pages, saving

ROUTES = (*pages.ROUTES, *checking.ROUTES, *saving.ROUTES)
