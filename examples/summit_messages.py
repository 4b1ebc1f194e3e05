"""The summit's messages about the Gen3 camera's exposures.

    YYYYMMDD/readouts.jsonl     ends of readout, one message per line, in order of arrival
    YYYYMMDD/notices.jsonl      the object store's notices, likewise

The camera is that of gen3.py.
"""

import json

import gen3
from common import append_lines

from observing_monitor.model.nights import TAI_MINUS_UTC_S


def make_messages(folder, clock):
    """Add the messages since the last run."""
    for night, number in clock.nights(clock.site.tai_rule, gen3.STARTS_AFTER):
        raws = gen3.plan_night(night, number, clock.seed, clock.site)
        readouts = [
            readout_of(raw) for raw in raws if raw.detector == 0 and clock.has_come(raw.ended_at)
        ]
        came = sorted(
            (raw for raw in raws if clock.has_come(raw.came_at)), key=lambda raw: raw.came_at
        )
        for name, messages in (
            ("readouts", readouts),
            ("notices", [notice_of(raw) for raw in came]),
        ):
            if messages:
                append_lines(
                    folder / f"{night:%Y%m%d}" / f"{name}.jsonl",
                    [json.dumps(message) + "\n" for message in messages],
                )


def readout_of(raw):
    """Return the camera's message at the end of readout (TAI)."""
    return {
        "imageName": raw.obsid,
        "imageDate": f"{raw.night:%Y%m%d}",
        "imageNumber": raw.seq_num,
        "requestedExposureTime": raw.shot.exposure_s,
        "timestampEndOfReadout": raw.ended_at.timestamp() + TAI_MINUS_UTC_S,
        "additionalKeys": "imageType:program:filter",
        "additionalValues": f"{raw.shot.kind.upper()}:{raw.shot.program}:{raw.shot.filter}",
    }


def notice_of(raw):
    """Return the object store's notice, in the form of S3."""
    key = f"{gen3.CAMERA}/{raw.night:%Y%m%d}/{raw.obsid}/{raw.path.rpartition('/')[2]}"
    record = {
        "eventTime": f"{raw.came_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "summit"}, "object": {"key": key, "size": raw.size_bytes}},
    }
    return {"Records": [record]}
