"""The commands that start the service and look after its keys and settings."""
