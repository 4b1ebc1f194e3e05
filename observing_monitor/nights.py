"""Nights and their rules, at the import path that sources of other packages use."""

from observing_monitor.model.nights import *  # noqa: F403
