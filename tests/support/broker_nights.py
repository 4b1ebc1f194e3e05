"""Nights of an alert broker, and sources that read them."""

import datetime

from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.bucket_listing import BucketListing

NOW = datetime.datetime(2021, 9, 2, tzinfo=datetime.UTC)
UTC = NightRule.parse("UTC")
CHRISTMAS = datetime.date(2020, 12, 24)
SEPTEMBER = datetime.date(2021, 9, 1)
BUCKET = "gs://ardent-cycling-243415_ztf_alert_avro_bucket"
THREE_FORMS = [
    f"{BUCKET}/ztf_20210901_programid1_1630473226123.avro",
    f"{BUCKET}/ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro",
    f"{BUCKET}/ztf_20210901_programid3/ZTF18aaaaaab/1704217901115015002.avro",
]


def asked(rule=UTC):
    """Return the context that a run gives its sources."""
    return Asked("broker", rule, NOW)


def listed(path, night=SEPTEMBER, rule=UTC, **settings):
    """Return the reading of a night from a listing."""
    return BucketListing(BucketListing.Settings(path=path, **settings), asked(rule)).read(night)


def metric(reading, name, node=None):
    """Return the one value of a metric."""
    rows = reading.metrics[
        (reading.metrics["name"] == name)
        & (reading.metrics["node"].isna() if node is None else reading.metrics["node"] == node)
    ]
    (value,) = rows["value"]
    return value
