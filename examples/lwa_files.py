"""The example station's visibilities, per sub-band.

    slow/34MHz/YYYY-MM-DD/HH/YYYYMMDD_HHMMSS_34MHz.ms.tar       listed in rsync.log

There is one every two hours. In one of ten nights a sub-band's recorder is off for some hours;
in another a single set never arrives.
"""

import datetime
import random

from common import append_lines, rsync_line, write_hollow

from observing_monitor.model.nights import NightRule

RULE = NightRule.parse("UTC")
BANDS = tuple(
    f"{mhz}MHz" for mhz in (13, 18, 23, 27, 32, 36, 41, 46, 50, 55, 59, 64, 69, 73, 78, 82)
)
# night's number, modulo ten -> missing sets
LACKING = {
    5: {("64MHz", hour) for hour in (6, 8, 10)},
    8: {("41MHz", 2)},
}


def make_visibilities(folder, clock):
    """Write the sets that are due; return their number."""
    came = []
    for night, number in clock.nights(RULE):
        chance = random.Random(f"{clock.seed} lwa {night}")
        for hour in range(0, 24, 2):
            begun_at = datetime.datetime.combine(night, datetime.time(hour), datetime.UTC)
            for band in BANDS:
                made_at = begun_at + datetime.timedelta(seconds=620 + chance.uniform(0, 15))
                came_at = made_at + datetime.timedelta(seconds=chance.uniform(20, 90))
                if (band, hour) not in LACKING.get(number % 10, ()) and clock.has_come(came_at):
                    path = f"{band}/{night}/{hour:02d}/{begun_at:%Y%m%d_%H%M%S}_{band}.ms.tar"
                    write_hollow(folder / "slow" / path, 2_100_000_000, made_at)
                    came.append((came_at, path))
    (folder / "slow").mkdir(parents=True, exist_ok=True)
    append_lines(folder / "rsync.log", [rsync_line(path, at) for at, path in sorted(came)])
    return len(came)
