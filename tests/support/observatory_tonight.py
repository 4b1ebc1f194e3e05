"""A small observatory whose camera takes a file every hour, also tonight."""

import dataclasses
import datetime

from support.observatory import NOW, beside_weather, file_row

HOUR = datetime.timedelta(hours=1)


def of_tonight():
    """Return a camera whose last file is two hours old, as usual."""
    nights = {}
    for n in range(2, 7 * 24):
        at = NOW - n * HOUR
        times = dict.fromkeys(("created_at", "transferred_at"), at.isoformat())
        night = f"{at:%Y-%m-%d}"
        files = nights.setdefault(night, {"files": []})["files"]
        files.append(file_row(f"img_{at:%H%M}.fits", night, **times))
    stream = {
        "night_rule": "UTC",
        "sources": [{"type": "files", "name": "files", "path": "/gone/storage"}],
    }
    made = beside_weather(stream, {"files": {}})
    said = {**made.said, "one/files": nights}
    return dataclasses.replace(made, said=said, nights=(min(nights), f"{NOW:%Y-%m-%d}"))
