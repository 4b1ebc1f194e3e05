"""The settings file as typed records."""
