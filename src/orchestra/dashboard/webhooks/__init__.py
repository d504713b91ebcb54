"""The pages of webhooks: whom we tell, what was sent, and who may tell us."""
