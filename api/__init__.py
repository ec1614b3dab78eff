"""The HTTP service and its page. Nothing imports it."""
