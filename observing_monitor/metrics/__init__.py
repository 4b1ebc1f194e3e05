"""The interface with which pipelines record the numbers of a night.

`Metrics` keeps numbers by name and night, `Timer` sums up seconds. See `recorder`.
"""

from observing_monitor.metrics.recorder import Metrics, Timer

__all__ = ["Metrics", "Timer"]
