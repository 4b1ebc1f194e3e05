"""The example's three cameras, each with a Gen2 repository.

They send files to `STREAM/storage/`, and an ingester links them into `STREAM/gen2repo/`. Most
nights have an incident, see INCIDENTS. Files have a real size but no content, and take no room
on disk.
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
RULE = NightRule()  # UTC−12h, as in the example's settings

BACKLOG = 12 * MINUTE  # the ingester is always late by so much: some files are pending

# Night's number, modulo ten -> stream -> kind -> exposures.
#   lost        was ingested; then the file was deleted, and its link leads nowhere
#   never       the number was used, but no file arrived
#   incomplete  the files of the last two detectors did not arrive
#   missing     arrived, but was not ingested
#   odd         is missing, and its name looks like HTML
#   failed      has a link but no row in the registry: the ingester died in between
#   small       has a header and no pixels
INCIDENTS = {
    1: {"auxTel": {"lost": [40]}},
    2: {"auxTel": {"never": [100, 101, 102]}, "comCam": {"incomplete": [7]}},
    5: {"comCam": {"missing": [11]}},
    6: {"auxTel": {"failed": range(210, 218)}, "testStand": {"failed": [2]}},
    7: {"auxTel": {"odd": [240], "small": [250, 251]}},
    8: {"auxTel": {"small": [60], "failed": [61]}},
    9: {"auxTel": {"failed": [2]}},
}
EMPTY_NIGHT = 3  # the dome was closed: no exposures
SLOW_NIGHT = 4  # the network was down from 02:00 to 05:00 UTC; then all files arrived


@dataclass(frozen=True)
class Stream:
    """The exposures of one camera and the transfer of its files."""

    camera: str
    night_folder: str  # the date's format
    starts_h: float  # hours after noon UTC, when the night begins
    ends_h: float
    every: datetime.timedelta
    size_bytes: int
    transfer_s: tuple[float, float]  # fastest and slowest on a good day
    hard_links: bool = False
    lights_every: datetime.timedelta | None = None  # from 23:00 to 09:30 UTC, if not `every`


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
    """One file and the times of its life."""

    path: str  # below storage/
    size_bytes: int
    created_at: datetime.datetime
    transferred_at: datetime.datetime
    linked_at: datetime.datetime | None = None  # None: never
    row: dict | None = None  # the registry's row
    is_registered: bool = True
    is_lost: bool = False


def exposure_times(stream, night, chance):
    """Yield the ends of a night's exposures, in order."""
    start, _ = RULE.bounds(night)
    at = start + stream.starts_h * HOUR
    while at < start + stream.ends_h * HOUR:
        yield at
        is_dark = 11 * HOUR <= at - start < 21.5 * HOUR
        every = stream.lights_every if is_dark and stream.lights_every else stream.every
        at += every * chance.uniform(0.8, 1.2)


def plan_night(name, night, number, seed):
    """Return all files of a stream's night.

    The first night has the number 0.
    """
    stream, chance = STREAMS[name], random.Random(f"{seed} {name} {night}")
    if number % 10 == EMPTY_NIGHT:
        return []
    fates = {
        n: kind for kind, ns in INCIDENTS.get(number % 10, {}).get(name, {}).items() for n in ns
    }
    items = []
    for seq_num, at in enumerate(exposure_times(stream, night, chance), start=1):
        at = at.replace(microsecond=chance.randrange(1000) * 1000)
        row = exposure_row(name, night, number, seq_num, at)
        items += plan_exposure(name, night, at, row, fates.get(seq_num), chance)
    items += plan_notes(name, night, items)
    if number % 10 == SLOW_NIGHT:
        delay_items(items, night)
    return items


def exposure_row(name, night, number, seq_num, at):
    """Return the values that an exposure's rows share."""
    is_dark = 11 <= (at - RULE.bounds(night)[0]) / HOUR < 21.5
    image_type = (
        "OBJECT" if is_dark and name != "testStand" else ("BIAS", "DARK", "FLAT")[seq_num // 10 % 3]
    )
    return {
        "seqNum": seq_num,
        "expTime": 0.0 if image_type == "BIAS" else 30.0,
        "imageType": image_type,
        "testType": image_type,
        "object": f"HD{30_000 + seq_num // 12}" if image_type == "OBJECT" else "UNKNOWN",
        "run": f"{6800 + 2 * number + seq_num // 4}D",
    }


def plan_exposure(name, night, at, exposure, fate, chance):
    """Return an exposure's files, one per detector."""
    stream, camera = STREAMS[name], gen2.CAMERAS[STREAMS[name].camera]
    items = []
    for detector in range(len(camera.detectors)):
        created_at = at + datetime.timedelta(seconds=0.2 * detector)
        transferred_at = created_at + datetime.timedelta(seconds=chance.uniform(*stream.transfer_s))
        linked_at = transferred_at + datetime.timedelta(seconds=chance.uniform(45, 90))
        size_bytes = int(stream.size_bytes * chance.uniform(0.97, 1.03))
        if fate == "never" or (fate == "incomplete" and detector >= 7):
            continue
        began_at = created_at - datetime.timedelta(seconds=exposure["expTime"])
        row = gen2.raw_row(camera, night, exposure["seqNum"], detector, began_at, **exposure)
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
    """Return the files that are no images.

    These are a list of headers for every forty exposures, and a log at the end of the night.
    """
    folder = f"{night:{STREAMS[name].night_folder}}/"
    transfer = datetime.timedelta(seconds=4)
    notes = []
    if name == "auxTel":
        for last in items[39::40]:
            at = last.created_at + datetime.timedelta(seconds=2)
            path = f"{folder}headers_{last.row['seqNum']:06d}.json"
            notes.append(Item(path, 40_000, at, at + transfer))
    end = RULE.bounds(night)[1] - 5 * MINUTE
    ending = ".log" if name == "testStand" else ".txt"  # the settings ignore *.log
    notes.append(Item(f"{folder}night{ending}", 12_000, end, end + transfer))
    return notes


def delay_items(items, night):
    """Delay the files of the time without a network."""
    down = RULE.bounds(night)[0] + 14 * HOUR
    up = down + 3 * HOUR
    for item in items:
        if down <= item.created_at < up:
            wait = up + (item.created_at - down) / 6 - item.transferred_at
            item.transferred_at += wait
            item.linked_at = item.linked_at and item.linked_at + wait


def write_link(link, path, item, is_hard):
    """Make a link; a symlink gets the time of the ingest."""
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # an interrupted run starts again
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
    """Write what is due; return the number of new files."""
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
    # the pages take arrival times from the log: change times are those of this run
    append_lines(
        folder / "rsync.log", [rsync_line(item.path, item.transferred_at) for item in arrived]
    )

    linked = [item for item in items if item.linked_at and clock.has_come(item.linked_at + BACKLOG)]
    for item in linked:
        # a hard link has no time of its own: only files that are ingested just now get one
        is_hard = (
            stream.hard_links and not item.is_lost and clock.now - item.linked_at < 14 * MINUTE
        )
        write_link(repository / gen2.raw_path(camera, item.row), storage / item.path, item, is_hard)
    with gen2.open_registry(repository, camera) as registry:
        gen2.register(registry, camera, [item.row for item in linked if item.is_registered])
    return sum(not item.is_lost for item in arrived)


def make_cameras(folder, clock):
    """Write what is due; return the number of new files."""
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
