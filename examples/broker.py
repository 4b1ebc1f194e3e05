"""The example's alert broker: counts and bucket listings.

    counts.csv                 night,alerts_produced,messages_published; one row per past night
    listings/YYYYMMDD.txt.gz   the output of `gsutil ls -l`

Nights are UTC dates. Something goes wrong in some of every ten: see INCIDENTS.
"""

import datetime
import gzip
import random

from common import write_whole

BUCKET = "gs://example_ztf_alert_avro_bucket"
EXPOSURES, ALERTS = 12, (20, 60)  # exposures per night, and alerts per exposure
INCIDENTS = {
    2: "stored 41 %",  # the store was down for most of the night
    5: "replay",  # everything was published twice; the bucket stores an alert once
    7: "no data",  # no counts, no listing
    8: "stored twice",  # the naming scheme changed, and some alerts have both names
}


def make_broker(folder, now, first_night, seed=1):
    """Write the broker's files as they are at `now`.

    The table is written anew; listings that are there stay.
    """
    (folder / "listings").mkdir(parents=True, exist_ok=True)
    lines = [
        "# alerts that the survey produced, and messages that were published",
        "night,alerts_produced,messages_published",
    ]
    for number in range((now.date() - first_night).days):
        night = first_night + datetime.timedelta(days=number)
        incident = INCIDENTS.get(number % 10, "")
        alerts = plan_alerts(night, random.Random(f"{seed} broker {night}"))
        published = len(alerts) * (2 if incident == "replay" else 1)
        lines.append(
            f"{night},," if incident == "no data" else f"{night},{len(alerts)},{published}"
        )
        listing = folder / "listings" / f"{night:%Y%m%d}.txt.gz"
        if incident != "no data" and not listing.exists():
            write_whole(
                listing, gzip.compress(listing_of(night, alerts, incident).encode(), mtime=0)
            )
    write_whole(folder / "counts.csv", ("\n".join(lines) + "\n").encode())


def plan_alerts(night, chance):
    """Return a night's alerts in order of time.

    Each is (object, candid, second of the day at which its exposure ended).
    """
    nid = (night - datetime.date(2017, 1, 1)).days
    alerts = []
    for exposure in range(EXPOSURES):
        # of the day: from 3 to 13 h UTC
        millionths = 120_000 + exposure * 35_000 + chance.randrange(5_000)
        for number in range(chance.randint(*ALERTS)):
            name = f"ZTF18a{''.join(chance.choices('abcdefghijklmnopqrstuvwxyz', k=6))}"
            alerts.append((name, f"{nid}{millionths:06d}{number:09d}", millionths * 0.0864))
    return alerts


def listing_of(night, alerts, incident):
    """Return the output of `gsutil ls -l` for a night's alerts."""
    kept = alerts[: int(len(alerts) * 0.41)] if incident == "stored 41 %" else alerts
    topic = f"ztf_{night:%Y%m%d}_programid1"
    rows = [(f"{name}.{candid}.{topic}.avro", seconds) for name, candid, seconds in kept]
    if incident == "stored twice":
        rows += [(f"{topic}/{name}/{candid}.avro", seconds) for name, candid, seconds in kept[-25:]]
    lines, total = [], 0
    for number, (path, seconds) in enumerate(rows):
        size = 60_000 + number * 37 % 9_000
        stored = datetime.datetime.combine(night, datetime.time()) + datetime.timedelta(
            seconds=int(seconds) + 500 + number % 60
        )
        lines.append(f"{size:10d}  {stored:%Y-%m-%dT%H:%M:%SZ}  {BUCKET}/{path}")
        total += size
    return "\n".join(
        [*lines, f"TOTAL: {len(rows)} objects, {total} bytes ({total / 2**20:.2f} MiB)", ""]
    )
