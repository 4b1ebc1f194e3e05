"""Makes ten nights of Lasair's status files.

    python examples/lasair_status.py FOLDER

The files depend only on a seed and on the time; the counts of the running night grow. Three of
every ten nights have an incident: a filter that falls behind, a slow ingest node, no count from
the survey.
"""

import datetime
import json
import random
import sys
from pathlib import Path

from common import write_whole

from observing_monitor.model.nights import ONE_DAY, nid_of, nights_between

BEHIND, SLOW, UNKNOWN = 3, 5, 7  # numbers of nights, modulo ten
STEPS = {
    "i": ("cutout", "cassandra", "future", "kconsume", "kproduce"),
    "f": ("features", "watchlist", "watchmap", "mmagw", "filters", "transfer"),
}
WEIGHTS = (1, 30, 4, 5, 3, 2)  # of the steps: Cassandra and the watchlists take longest


def make_night(n, night, updated_at, seed=1):
    """Return Lasair's status document of the n-th night, a dict."""
    rng, number = random.Random(f"{seed} {night}"), n % 10
    hours = (
        updated_at - datetime.datetime.combine(night, datetime.time(1), datetime.UTC)
    ) / datetime.timedelta(hours=1)
    # alerts come from 1 h to 13 h UTC
    issued = round(rng.randrange(150_000, 320_000) * min(1, max(0, hours / 12)))
    filtered = issued - (issued // 12 if number == BEHIND else 0)
    detections = round(issued * 1.27)
    status = {
        "nid": nid_of(night),
        "update_time": updated_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "today_lsst": -1 if number == UNKNOWN else issued,
        "today_alert": issued,
        "diaSource": detections,
        "diaSourceDB": detections,
        "today_filter": filtered,
        "today_filter_out": round(filtered * rng.uniform(0.3, 0.4)),
        "today_database": round(issued * 0.8),
        "total_count": 20_000_000 + 90_000 * n,
        "min_delay": "-1.0" if number == UNKNOWN or not issued else round(rng.uniform(0.1, 0.4), 3),
    }
    for stage, steps in STEPS.items():
        for node in range(4):
            slow = 4.2 if number == SLOW and stage == "i" and node == 2 else rng.uniform(0.9, 1.1)
            times = [
                round(issued * weight * slow * 1e-4, 3)
                for _, weight in zip(steps, WEIGHTS, strict=False)
            ]
            status |= {
                f"{stage}{step}_{node}": seconds for step, seconds in zip(steps, times, strict=True)
            }
            status[f"{stage}total_{node}"] = round(sum(times) * 1.05, 3)
    return status


def make_status(folder, now, first_night=None, seed=1):
    """Write the files of all nights up to that of `now`.

    `now` is an aware datetime. Without `first_night` there are ten nights.
    """
    tonight = now.astimezone(datetime.UTC).date()
    for n, night in enumerate(nights_between(first_night or tonight - 9 * ONE_DAY, tonight)):
        over_at = datetime.datetime.combine(night, datetime.time(13, 5, n % 60), datetime.UTC)
        status = make_night(n, night, min(now.astimezone(datetime.UTC), over_at), seed)
        write_whole(folder / f"status_{status['nid']}.json", json.dumps(status, indent=1).encode())


if __name__ == "__main__":
    make_status(Path(sys.argv[1]), datetime.datetime.now(datetime.UTC))
