"""A source of numbers that are sampled over a night, and its table."""

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.sources.base import Telling


class Sampled(Telling):
    """A source all of whose numbers have histories."""

    histories = ("*",)


def metrics(rows):
    """Return metrics from rows (name, node, instant, value, unit)."""
    named = ["name", "node", "sampled_at", "value", "unit"]
    made = frames.frame(columns.METRICS, pd.DataFrame(rows, columns=named).assign(source="one"))
    return made.sort_values(["name", "node", "sampled_at"], kind="stable", ignore_index=True)
