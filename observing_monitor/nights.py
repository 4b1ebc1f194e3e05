"""Nights and their rules, at the import path of other packages."""

from observing_monitor.model.nights import *  # noqa: F403
