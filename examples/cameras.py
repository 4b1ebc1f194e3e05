"""The example observatory's three cameras with a Gen2 repository each.

They send files to `STREAM/storage/`, and an ingester links them into `STREAM/gen2repo/`. Most nights have an incident, see INCIDENTS.
Files have a real size but no content, and take no room on disk.
"""

import datetime
import os
import random
from contextlib import suppress
from dataclasses import dataclass

import gen2
from common import append_lines, rsync_line, write_hollow

from observing_monitor.model.nights import NightRule

MINUTE = datetime.timedelta(minutes=1)
HOUR = 60 * MINUTE
RULE = NightRule()  # UTC−12h, as the example's settings have it

BACKLOG = (
    12 * MINUTE
)  # what the ingester has not come to yet at the end: some files are always pending

# What goes wrong in which night (counted from the first, over again after ten), by stream: kind -> exposures.
#   lost        ingested, but the file that the link leads to is gone
#   never       the number was used, but no file came
#   incomplete  the last two detectors never came
#   missing     came, and was never ingested
#   odd         as missing, and its name is what a page must not take for HTML
#   failed      linked, but the registry does not know it: the ingester died between the two
#   small       the camera wrote a header and no pixels
INCIDENTS = {
    1: {"auxTel": {"lost": [40]}},
    2: {"auxTel": {"never": [100, 101, 102]}, "comCam": {"incomplete": [7]}},
    5: {"comCam": {"missing": [11]}},
    6: {"auxTel": {"failed": range(210, 218)}, "testStand": {"failed": [2]}},
    7: {"auxTel": {"odd": [240], "small": [250, 251]}},
    8: {"auxTel": {"small": [60], "failed": [61]}},
    9: {"auxTel": {"failed": [2]}},
}
EMPTY_NIGHT = 3  # closed dome: nothing was taken
SLOW_NIGHT = 4  # the line was down from 02:00 to 05:00 UTC; then all of it came


@dataclass(frozen=True)
class Stream:
    """One camera of the example: how often it exposes, and how its files travel."""

    camera: str
    night_folder: str  # the date's format
    starts_h: float  # hours after the night's beginning, at noon UTC
    ends_h: float
    every: datetime.timedelta
    size_bytes: int
    transfer_s: tuple[float, float]  # the quickest and the slowest on a good day
    hard_links: bool = False
    lights_every: datetime.timedelta | None = None  # from 23:00 to 09:30 UTC, where it differs


STREAMS = {
    "auxTel": Stream(
        "latiss", "%Y-%m-%d", 0.1, 23.9, 5 * MINUTE, 34_000_000, (3, 9), lights_every=3 * MINUTE
    ),
    "comCam": Stream(
        "comCam", "%Y-%m-%d", 11.2, 21.3, 33 * MINUTE, 17_000_000, (8, 25), hard_links=True
    ),
    "testStand": Stream("testStand", "%Y%m%d", 1, 12, 110 * MINUTE, 17_000_000, (20, 60)),
}


@dataclass
class Item:
    """The life of one file: where and when it was made, arrived and was ingested (None: never)."""

    path: str  # below storage/
    size_bytes: int
    created_at: datetime.datetime
    transferred_at: datetime.datetime
    linked_at: datetime.datetime | None = None
    row: dict | None = None  # what the registry would say
    is_registered: bool = True
    is_lost: bool = False


def exposure_times(stream, night, chance):
    """When the exposures of a night end, in order."""
    start, _ = RULE.bounds(night)
    at = start + stream.starts_h * HOUR
    while at < start + stream.ends_h * HOUR:
        yield at
        is_dark = 11 * HOUR <= at - start < 21.5 * HOUR
        every = stream.lights_every if is_dark and stream.lights_every else stream.every
        at += every * chance.uniform(0.8, 1.2)


def plan_night(name, night, number, seed):
    """The files of one stream's night, `number` nights after the first: the whole night, whatever the time is."""
    stream, chance = STREAMS[name], random.Random(f"{seed} {name} {night}")
    if number % 10 == EMPTY_NIGHT:
        return []
    fates = {
        n: kind for kind, ns in INCIDENTS.get(number % 10, {}).get(name, {}).items() for n in ns
    }
    items = []
    for seq_num, at in enumerate(exposure_times(stream, night, chance), start=1):
        at = at.replace(microsecond=chance.randrange(1000) * 1000)
        items += plan_exposure(name, night, number, seq_num, at, fates.get(seq_num), chance)
    items += plan_notes(name, night, items)
    if number % 10 == SLOW_NIGHT:
        delay_items(items, night)
    return items


def plan_exposure(name, night, number, seq_num, at, fate, chance):
    """The files of one exposure, one for each detector."""
    stream, camera = STREAMS[name], gen2.CAMERAS[STREAMS[name].camera]
    is_dark = 11 <= (at - RULE.bounds(night)[0]) / HOUR < 21.5
    image_type = (
        "OBJECT" if is_dark and name != "testStand" else ("BIAS", "DARK", "FLAT")[seq_num // 10 % 3]
    )
    exp_time = 0.0 if image_type == "BIAS" else 30.0
    items = []
    for detector in range(len(camera.detectors)):
        created_at = at + datetime.timedelta(seconds=0.2 * detector)
        transferred_at = created_at + datetime.timedelta(seconds=chance.uniform(*stream.transfer_s))
        linked_at = transferred_at + datetime.timedelta(seconds=chance.uniform(45, 90))
        size_bytes = int(stream.size_bytes * chance.uniform(0.97, 1.03))
        if fate == "never" or (fate == "incomplete" and detector >= 7):
            continue
        row = gen2.raw_row(
            camera,
            night,
            seq_num,
            detector,
            created_at - datetime.timedelta(seconds=exp_time),
            exp_time=exp_time,
            image_type=image_type,
            target=f"HD{30_000 + seq_num // 12}" if image_type == "OBJECT" else "UNKNOWN",
            run=f"{6800 + 2 * number + seq_num // 4}D",
        )
        folder = f"{night:{stream.night_folder}}/" + (f"{row['obsid']}/" if camera.raft else "")
        file = "focus <b>sweep.fits" if fate == "odd" else gen2.file_name(camera, row)
        item = Item(folder + file, size_bytes, created_at, transferred_at, linked_at, row)
        item.is_lost = fate == "lost"
        item.is_registered = fate != "failed"
        if fate in ("missing", "odd", "small"):
            item.linked_at = None
        if fate == "small":
            item.size_bytes = 2880  # one block of a FITS header
        items.append(item)
    return items


def plan_notes(name, night, items):
    """What comes along and is no image: a list of headers every forty exposures, and a log at the end of the night."""
    folder = f"{night:{STREAMS[name].night_folder}}/"
    notes = []
    if name == "auxTel":
        for last in items[39::40]:
            at = last.created_at + datetime.timedelta(seconds=2)
            notes.append(
                Item(
                    f"{folder}headers_{last.row['seqNum']:06d}.json",
                    40_000,
                    at,
                    at + datetime.timedelta(seconds=4),
                )
            )
    end = RULE.bounds(night)[1] - 5 * MINUTE
    ending = (
        ".log" if name == "testStand" else ".txt"
    )  # the settings tell the program to ignore *.log
    notes.append(Item(f"{folder}night{ending}", 12_000, end, end + datetime.timedelta(seconds=4)))
    return notes


def delay_items(items, night):
    """Let what was created while the line was down arrive afterwards, in order, and be ingested after that."""
    down = RULE.bounds(night)[0] + 14 * HOUR
    up = down + 3 * HOUR
    for item in items:
        if down <= item.created_at < up:
            wait = up + (item.created_at - down) / 6 - item.transferred_at
            item.transferred_at += wait
            item.linked_at = item.linked_at and item.linked_at + wait


def write_link(link, path, item, is_hard):
    """A link to the item's file, with the time of the ingest where a link can have one."""
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # a run that was interrupted is done again
        if is_hard:
            os.link(path, link)
        else:
            link.symlink_to(path)
            os.utime(
                link,
                (item.linked_at.timestamp(), item.linked_at.timestamp()),
                follow_symlinks=False,
            )


def run_stream(folder, name, items, clock):
    """Let happen to a stream what was planned to happen since the last time; return the number of new files."""
    stream, camera = STREAMS[name], gen2.CAMERAS[STREAMS[name].camera]
    storage, repository = (folder / "storage").resolve(), (folder / "gen2repo").resolve()
    storage.mkdir(parents=True, exist_ok=True)
    (repository / "raw").mkdir(parents=True, exist_ok=True)

    arrived = sorted(
        (item for item in items if clock.has_come(item.transferred_at)),
        key=lambda item: item.transferred_at,
    )
    for item in arrived:
        if not item.is_lost:
            write_hollow(storage / item.path, item.size_bytes, item.created_at)
    # rsync, which brought them, tells when: their own change time would say when the example was made
    append_lines(
        folder / "rsync.log", [rsync_line(item.path, item.transferred_at) for item in arrived]
    )

    linked = [item for item in items if item.linked_at and clock.has_come(item.linked_at + BACKLOG)]
    for item in linked:
        # A hard link's time can't be set, so only what was linked just now gets one.
        is_hard = (
            stream.hard_links and not item.is_lost and clock.now - item.linked_at < 14 * MINUTE
        )
        write_link(repository / gen2.raw_path(camera, item.row), storage / item.path, item, is_hard)
    with gen2.open_registry(repository, camera) as registry:
        gen2.register(registry, camera, [item.row for item in linked if item.is_registered])
    return sum(not item.is_lost for item in arrived)


def make_cameras(folder, clock):
    """Let happen what was planned for all three; return the number of new files."""
    n_new, nights = 0, clock.nights(RULE)
    for name in STREAMS:
        items = [
            item for night, number in nights for item in plan_night(name, night, number, clock.seed)
        ]
        n_new += run_stream(folder / name, name, items, clock)
    for night, number in nights:
        if number % 10 == EMPTY_NIGHT:
            (folder / "auxTel" / "storage" / night.isoformat()).mkdir(exist_ok=True)
    return n_new
