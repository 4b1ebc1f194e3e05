"""The interface that pipelines call to record the numbers of a night."""

from observing_monitor.metrics.recorder import Metrics, Timer

__all__ = ["Metrics", "Timer"]
