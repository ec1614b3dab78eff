"""One module a noun, each with its ``router``."""
