"""The settings file as typed records, checked when it is read."""
