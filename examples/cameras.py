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
from conditions import CLOSED_NIGHT, conditions_of
from instruments import COMCAM, LATISS, Instrument
from observing_plan import plan_night as plan_exposures

MINUTE = datetime.timedelta(minutes=1)
HOUR = 60 * MINUTE

BACKLOG = 12 * MINUTE  # the ingester is always late by so much: some files are pending

# Night's number, modulo ten -> stream -> kind -> exposures.
#   lost        was ingested; then the file was deleted, and its link leads nowhere
#   never       was taken, but no file arrived
#   incomplete  the files of the last two detectors did not arrive
#   late        the files arrived after most of an hour
#   missing     arrived, but was not ingested
#   odd         is missing, and its name looks like HTML
#   failed      has a link but no row in the registry: the ingester died in between
#   small       has a header and no pixels
INCIDENTS = {
    1: {"auxTel": {"lost": [40]}},
    2: {"auxTel": {"never": [100, 101, 102]}, "comCam": {"incomplete": [37]}},
    5: {"comCam": {"missing": [41]}},
    6: {"auxTel": {"failed": range(210, 218)}, "testStand": {"failed": [2]}},
    7: {"auxTel": {"odd": [240], "small": [250, 251]}, "comCam": {"late": range(30, 33)}},
    8: {"auxTel": {"small": [60], "failed": [61]}},
    9: {
        "auxTel": {"failed": [2, 117], "never": [131], "late": range(140, 144)},
        "comCam": {"incomplete": [30], "late": [34]},
    },
}
SLOW_NIGHT = 4  # the network was down for three hours; then all files arrived
DOWN_AFTER, DOWN = 2 * HOUR, 3 * HOUR  # after twilight


@dataclass(frozen=True)
class Stream:
    """A camera and the transfer of its files."""

    camera: str
    night_folder: str  # the date's format
    size_bytes: int
    transfer_s: tuple[float, float]  # fastest and slowest on a good day
    instrument: Instrument | None = None
    hard_links: bool = False


STREAMS = {
    "auxTel": Stream("latiss", "%Y-%m-%d", 34_000_000, (3, 9), LATISS),
    "comCam": Stream("comCam", "%Y-%m-%d", 17_000_000, (8, 25), COMCAM, hard_links=True),
    "testStand": Stream("testStand", "%Y%m%d", 17_000_000, (20, 60)),
}
# the camera's words for types of exposures
TYPES = {"bias": "BIAS", "dark": "DARK", "flat": "FLAT", "focus": "FOCUS", "acquisition": "ACQ"}


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


def plan_night(name, night, number, seed, site):
    """Return all files of a stream's night.

    The first night has the number 0.
    """
    stream, chance = STREAMS[name], random.Random(f"{seed} {name} {night}")
    if number % 10 == CLOSED_NIGHT:
        return []
    fates = {
        n: kind for kind, ns in INCIDENTS.get(number % 10, {}).get(name, {}).items() for n in ns
    }
    rows = (
        rows_of_plan(plan_exposures(stream.instrument, site, night, number, seed))
        if stream.instrument
        else rows_of_tests(site, night, number, chance)
    )
    items = []
    for began_at, row in rows:
        items += plan_exposure(name, night, began_at, row, fates.get(row["seqNum"]), chance)
    items += plan_notes(name, night, site, items)
    if number % 10 == SLOW_NIGHT:
        delay_items(items, conditions_of(site, night, number, seed).evening_at + DOWN_AFTER)
    return items


def rows_of_plan(exposures):
    """Yield each exposure's start, and the values that its rows share."""
    for one in exposures:
        yield (
            one.started_at,
            {
                "seqNum": one.seq_num,
                "expTime": one.exposure_s,
                "imageType": TYPES.get(one.kind, "OBJECT"),
                "testType": one.reason,
                "object": one.target or None,
                "filter": one.filter,
                "expGroup": f"{one.started_at:%Y%m%d}{one.group:04d}",
            },
        )


def rows_of_tests(site, night, number, chance):
    """Yield the exposures of the test stand, in the same form."""
    start = site.rule.bounds(night)[0]
    at, seq_num = start + HOUR, 1
    while at < start + 12 * HOUR:
        at = at.replace(microsecond=chance.randrange(1000) * 1000)
        kind = ("BIAS", "DARK", "FLAT")[seq_num // 3 % 3]
        yield (
            at,
            {
                "seqNum": seq_num,
                "expTime": 0.0 if kind == "BIAS" else 30.0,
                "imageType": kind,
                "testType": kind,
                "run": f"{6800 + 2 * number + seq_num // 4}D",
            },
        )
        at += 110 * MINUTE * chance.uniform(0.8, 1.2)
        seq_num += 1


def plan_exposure(name, night, began_at, exposure, fate, chance):
    """Return an exposure's files, one per detector."""
    stream, camera = STREAMS[name], gen2.CAMERAS[STREAMS[name].camera]
    items = []
    ended_at = began_at + datetime.timedelta(seconds=exposure["expTime"] + 2)
    for detector in range(len(camera.detectors)):
        created_at = ended_at + datetime.timedelta(seconds=0.2 * detector)
        transferred_at = created_at + datetime.timedelta(seconds=chance.uniform(*stream.transfer_s))
        if fate == "late":
            transferred_at += chance.uniform(35, 50) * MINUTE
        linked_at = transferred_at + datetime.timedelta(seconds=chance.uniform(45, 90))
        size_bytes = int(stream.size_bytes * chance.uniform(0.97, 1.03))
        if fate == "never" or (fate == "incomplete" and detector >= 7):
            continue
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


def plan_notes(name, night, site, items):
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
    end = site.rule.bounds(night)[1] - 5 * MINUTE
    ending = ".log" if name == "testStand" else ".txt"  # the settings ignore *.log
    notes.append(Item(f"{folder}night{ending}", 12_000, end, end + transfer))
    return notes


def delay_items(items, down):
    """Delay the files of the time without a network."""
    up = down + DOWN
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
    n_new, nights = 0, clock.nights(clock.site.rule)
    for name in STREAMS:
        items = [
            item
            for night, number in nights
            for item in plan_night(name, night, number, clock.seed, clock.site)
        ]
        n_new += run_stream(folder / name, name, items, clock)
    for night, number in nights:
        if number % 10 == CLOSED_NIGHT:
            (folder / "auxTel" / "storage" / night.isoformat()).mkdir(exist_ok=True)
    return n_new
