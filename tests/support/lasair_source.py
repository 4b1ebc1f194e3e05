"""A `lasair` source, and a site with one, for tests."""

import datetime
import html
import json
import re
from pathlib import Path

import pandas as pd

from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.lasair import Lasair

NID = 2559
NIGHT = datetime.date(2024, 1, 4)
NOW = datetime.datetime(2024, 1, 4, 13, tzinfo=datetime.UTC)
SITE = """[observing_monitor]
output_dir = "www"
[streams.broker]
night_rule = "UTC"
[[streams.broker.sources]]
type = "lasair"
"""


def source(now=NOW, rule="UTC", **settings):
    """Return a source as a run at `now` makes it."""
    made = Lasair(Lasair.Settings(**settings), Asked("lasair", NightRule.parse(rule), now))
    made.name = "lasair"
    return made


def site(folder, **settings):
    """Write settings of one Lasair source; return their path."""
    path = folder / "site.toml"
    lines = [
        f"{key} = {value if isinstance(value, (int, float)) else json.dumps(str(value))}"
        for key, value in settings.items()
    ]
    path.write_text(SITE + "\n".join(lines))
    return path


def page(folder, night=NIGHT):
    """Return the words of a night's page."""
    text = Path(folder, "www", "broker", f"{night}.html").read_text()
    text = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def stored(folder, night=NIGHT):
    """Return the night's metrics from the store."""
    path = Path(folder, "www", "data", "stream=broker", f"night={night}", "metrics.parquet")
    return pd.read_parquet(path)
