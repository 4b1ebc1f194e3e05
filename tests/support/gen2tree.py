"""Builds Gen2 trees with a number of files of each class.

Change times can't be set, so all files made here changed just now. The age of a hard link, and of
a file without a transfer log, is its change time. Tests therefore give the program a clock that
is some hours ahead (`later()`): by it all files are old except pending ones, whose creation time
is set to shortly before that clock.
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
    """One file that was made; kind `lost` is only a link."""

    kind: str
    path: Path  # of the file, absolute
    created_at: datetime.datetime
    size_bytes: int
    row: dict  # the registry's row, even if the registry lacks it
    link: Path | None = None  # below raw/


@dataclass
class MadeNight:
    """One night: its files in order of creation, and its counts."""

    night: datetime.date
    counts: dict[str, int]
    files: list[Made] = field(default_factory=list)

    def of(self, kind):
        """Return the files of one kind."""
        return [made for made in self.files if made.kind == kind]


def later(hours=3):
    """Return an instant at which files made just now are old."""
    return datetime.datetime.now(UTC).replace(microsecond=0) + datetime.timedelta(hours=hours)


def small_hours():
    """Return 04:00 UTC of a coming day.

    The files of `make_night` for its night are past then, whatever the real time is.
    """
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
    """Add a night to the input tree `root`.

    Parameters
    ----------
    root : Path
        Gets `storage/NIGHT/`, `gen2repo/registry.sqlite3` and `gen2repo/raw/`.
    night : date
        A past one: all files but the pending ones are created from 23:00 UTC on, `apart_s` apart.
    counts : dict
        The number of files of each of KINDS. `lost` have a row and a link, but no file (with
        copies: no link either); `ignored` match IGNORE.
    now : datetime
        The program's clock, see `later`. Pending files are created in the ten minutes before it.
    link : {"symlink", "hardlink", "copy"}
        The form of raws below `raw/`. A symlink's own modification time is a minute after the
        file's creation.
    layout : {"night", "run"}, optional
        The names of folders below `raw/`; by default the camera's.
    camera : {"latiss", "comCam", "testStand"}
        testStand's registry has neither dayObs nor seqNum; the others have both.
    names : {"obsid", "raw"}, optional
        The names of files in storage: those that the camera sends (default), or those of raws
        (default with copies).
    transfer_log : bool
        If true, list the files in `rsync.log` next to storage, five seconds after their creation.

    Returns
    -------
    MadeNight
    """
    unknown = set(counts) - set(KINDS)
    assert not unknown, f"no such kinds: {unknown}"
    camera = gen2.CAMERAS[camera]
    names = names or ("raw" if link == "copy" else "obsid")
    by = {"night": "dayObs", "run": "run", None: None}[layout]
    made = MadeNight(night, dict(counts))
    kinds = [kind for kind in KINDS for _ in range(counts.get(kind, 0))]
    for number, kind in enumerate(kinds):
        file = _plan(root, kind, number, night, now, camera, names, apart_s)
        if kind in ("ingested", "lost", "failed"):
            file.link = root / "gen2repo" / gen2.raw_path(camera, file.row, by)
        made.files.append(file)
    _write_night(root, made, link, camera)
    if transfer_log:
        _log_transfers(root, made)
    return made


def _write_night(root, made, link, camera):
    """Write a night's files, links and rows."""
    (root / "storage" / made.night.isoformat()).mkdir(parents=True, exist_ok=True)
    (root / "gen2repo" / "raw").mkdir(parents=True, exist_ok=True)
    for file in made.files:
        _write(file, link)
    rows = [file.row for file in made.files if file.kind in ("ingested", "lost")]
    with gen2.open_registry(root / "gen2repo", camera) as registry:
        gen2.register(registry, camera, rows)


def _plan(root, kind, number, night, now, camera, names, apart_s):
    """Return a file that is still to be written."""
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
    path = root / "storage" / night.isoformat() / name
    return Made(kind, path, created_at, size_bytes, row)


def _write(file, link):
    """Write a file and its link."""
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
    """Add the night's files to rsync's log."""
    with open(root / "rsync.log", "a", encoding="utf-8") as opened:
        for file in made.files:
            arrived_at = file.created_at + datetime.timedelta(seconds=5)
            opened.write(rsync_line(file.path.relative_to(root / "storage"), arrived_at))
