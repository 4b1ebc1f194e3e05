"""Builds Gen2 input directories with a known number of files in each class, quickly: files are sparse.

A change time can't be set, so whatever is made here changed just now: a hard link's age, and the age of a file without a
transfer log. A test therefore gives the program a clock that is some hours ahead (`later()`): then all that is made here
is old, but for the pending files, whose creation time is set to shortly before that clock.
"""

import datetime
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import gen2
from common import rsync_line

UTC = datetime.UTC
LIMIT_S = 3600  # the program's default pending_limit_s
IGNORE = "skip_*"  # the pattern that the files of class `ignored` match
KINDS = ("ingested", "lost", "failed", "missing", "pending", "small", "not_fits", "ignored")


@dataclass
class Made:
    """One file that was made, or that only its link tells of (kind `lost`)."""

    kind: str
    path: Path  # the file, in full
    created_at: datetime.datetime
    size_bytes: int
    row: dict  # what the registry says, or would say, of it
    link: Path | None = None  # where it lies below raw/


@dataclass
class MadeNight:
    """One night: its files in the order of their creation; `counts` are those that were asked for."""

    night: datetime.date
    counts: dict[str, int]
    files: list[Made] = field(default_factory=list)

    def of(self, kind):
        """The files of one kind."""
        return [made for made in self.files if made.kind == kind]


def later(hours=3):
    """An instant ahead of the real clock, on a whole second: by it, all that was made just now is old."""
    return datetime.datetime.now(UTC).replace(microsecond=0) + datetime.timedelta(hours=hours)


def small_hours():
    """Four in the morning (UTC) of a day to come: by it, at any hour of the real clock, what `make_night` makes of its night is past."""
    return (later() + datetime.timedelta(days=1)).replace(hour=4, minute=0, second=0)


def make_night(
    root,
    night,
    counts,
    *,
    now,
    link="symlink",
    layout=None,
    camera="latiss",
    names=None,
    transfer_log=False,
    apart_s=15,
):
    """Add a night to the input directory `root`, making it where it is new.

    Parameters
    ----------
    root : Path
        Gets `storage/NIGHT/`, `gen2repo/registry.sqlite3` and `gen2repo/raw/`.
    night : date
        A past one: all files but the pending ones are created from 23:00 UTC on, `apart_s` apart.
    counts : dict
        How many files of each of KINDS. `lost` have a row and a link, but no file (with copies: no link either);
        `ignored` match IGNORE.
    now : datetime
        The clock that the program will be given, see `later`; pending files are created in the ten minutes before it.
    link : {"symlink", "hardlink", "copy"}
        How raws lie below `raw/`. A symlink's own modification time is a minute after the file's creation.
    layout : {"night", "run"}, optional
        What names the folders below `raw/`; the camera's own way by default.
    camera : {"latiss", "comCam", "testStand"}
        testStand's registry has neither dayObs nor seqNum; the two others' have both.
    names : {"obsid", "raw"}, optional
        What the files in storage are called: as the camera sends them (default), or as the raws (default with copies).
    transfer_log : bool
        Whether to add the files, five seconds after their creation, to `rsync.log` beside storage: `transfer_log = "rsync.log"`.

    Returns
    -------
    MadeNight
    """
    unknown = set(counts) - set(KINDS)
    assert not unknown, f"no such kinds: {unknown}"
    made = MadeNight(night, dict(counts))
    folder = root / "storage" / night.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    (root / "gen2repo" / "raw").mkdir(parents=True, exist_ok=True)

    kinds = [kind for kind in KINDS for _ in range(counts.get(kind, 0))]
    for number, kind in enumerate(kinds):
        file = _plan(
            kind,
            number,
            night,
            folder,
            now,
            gen2.CAMERAS[camera],
            names or ("raw" if link == "copy" else "obsid"),
            apart_s,
        )
        if kind in ("ingested", "lost", "failed"):
            by = {"night": "dayObs", "run": "run", None: None}[layout]
            file.link = root / "gen2repo" / gen2.raw_path(gen2.CAMERAS[camera], file.row, by)
        made.files.append(file)

    for file in made.files:
        _write(file, link)
    with gen2.open_registry(root / "gen2repo", gen2.CAMERAS[camera]) as registry:
        gen2.register(
            registry,
            gen2.CAMERAS[camera],
            [file.row for file in made.files if file.kind in ("ingested", "lost")],
        )
    if transfer_log:
        _log_transfers(root, made)
    return made


def _plan(kind, number, night, folder, now, camera, names, apart_s):
    """The file that will be made; nothing is written yet."""
    exposure, detector = divmod(number, len(camera.detectors))
    start = datetime.datetime.combine(night, datetime.time(23), UTC)
    created_at = start + datetime.timedelta(seconds=apart_s * number)
    if kind == "pending":
        created_at = now - datetime.timedelta(seconds=30 + number % 570)
    row = gen2.raw_row(
        camera, night, exposure + 1, detector, created_at, run=f"run{exposure // 100:03d}"
    )
    name = gen2.file_name(camera, row) if names == "obsid" else gen2.raw_name(camera, row)
    if kind == "ignored":
        name = IGNORE.replace("*", name)
    if kind == "not_fits":
        name = name.removesuffix(".fits") + (".json", ".txt")[number % 2]
    size_bytes = 5_000 + number % 4_000 if kind == "small" else 20_000 + number
    assert kind != "small" or size_bytes < 10_000
    return Made(kind, folder / name, created_at, size_bytes, row)


def _write(file, link):
    """The file, with its size and time, and its link."""
    if file.kind != "lost":
        with open(file.path, "wb") as opened:
            opened.truncate(file.size_bytes)
        created_ns = int(file.created_at.timestamp()) * 10**9
        os.utime(file.path, ns=(created_ns, created_ns))
    if file.link is None:
        return
    file.link.parent.mkdir(parents=True, exist_ok=True)
    if link == "symlink":
        file.link.symlink_to(file.path)
        linked_s = file.created_at.timestamp() + 60
        os.utime(file.link, (linked_s, linked_s), follow_symlinks=False)
    elif file.kind != "lost":
        (os.link if link == "hardlink" else shutil.copy2)(file.path, file.link)


def _log_transfers(root, made):
    """Add the night's files to the log of rsync."""
    with open(root / "rsync.log", "a", encoding="utf-8") as opened:
        for file in made.files:
            arrived_at = file.created_at + datetime.timedelta(seconds=5)
            opened.write(rsync_line(file.path.relative_to(root / "storage"), arrived_at))
