"""The schema, at the import path that sources of other packages use."""

from observing_monitor.model.columns import *  # noqa: F403
from observing_monitor.model.frames import *  # noqa: F403
