"""Input trees, made once and used again."""

import datetime
import json
import multiprocessing
import os
import shutil

UTC = datetime.UTC
FIRST = datetime.date(2020, 2, 12)
# of the long histories: in the past, because a stream's page lists no night to come
LAST_OF_LONG = datetime.date(2026, 6, 30)


def made_once(folder, make):
    """Make a tree unless it is there.

    Returns
    -------
    tuple of Path and datetime
        The folder, and a clock at which all of its files are old.
    """
    stamp = folder.with_suffix(".json")
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        # in a process of its own: a command's peak memory includes that of the process
        # which starts it
        maker = multiprocessing.get_context("fork").Process(target=make, args=(folder,))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit(f"{folder}: could not be made")
        stamp.write_text(json.dumps({"made_at": datetime.datetime.now(UTC).isoformat()}))
    made_at = datetime.datetime.fromisoformat(json.loads(stamp.read_text())["made_at"])
    return folder, made_at + datetime.timedelta(hours=3)


def full_nights(n_nights, n_files, folder):
    """Make nights of a camera of nine detectors."""
    import gen2tree

    few = n_files // 1000
    counts = {"missing": few, "failed": few, "small": few, "lost": few, "not_fits": 10 * few}
    # a lost file is only in the registry
    counts["ingested"] = n_files - sum(counts.values()) + few
    for n in range(n_nights):
        night = FIRST + datetime.timedelta(days=n)
        gen2tree.make_night(
            folder, night, counts, now=gen2tree.later(), camera="comCam", apart_s=30_000 / n_files
        )


def history(first, n_nights, n_files, folder):
    """Make many nights of a camera of one detector."""
    import gen2

    camera = gen2.CAMERAS["latiss"]
    rows = [
        row
        for n in range(n_nights)
        for row in _history_night(folder, camera, first + datetime.timedelta(days=n), n_files)
    ]
    with gen2.open_registry(folder / "gen2repo", camera) as registry:
        gen2.register(registry, camera, rows)


def _history_night(folder, camera, night, n_files):
    """Make a night's files and links; return its rows."""
    import gen2

    storage = folder / "storage" / night.isoformat()
    raw = folder / "gen2repo" / "raw" / night.isoformat()
    storage.mkdir(parents=True)
    raw.mkdir(parents=True)
    evening = datetime.datetime.combine(night, datetime.time(23), UTC)
    rows = []
    for number in range(n_files):
        at = evening + datetime.timedelta(seconds=30_000 / n_files * number)
        row = gen2.raw_row(camera, night, number + 1, 0, at)
        path = storage / gen2.file_name(camera, row)
        with open(path, "wb") as opened:
            opened.truncate(20_000 + number)
        os.utime(path, (at.timestamp(), at.timestamp()))
        if number % 50:
            link = folder / "gen2repo" / gen2.raw_path(camera, row)
            link.symlink_to(path)
            os.utime(link, (at.timestamp() + 60, at.timestamp() + 60), follow_symlinks=False)
            rows.append(row)
    return rows


def lasair_history(n_nights, folder):
    """Make Lasair's status files of many nights."""
    import lasair_status

    first = datetime.datetime.combine(FIRST, datetime.time(14), UTC)
    folder.mkdir(parents=True)
    lasair_status.make_status(folder, first + datetime.timedelta(days=n_nights - 1), FIRST)


def add_files(folder, night, n_files, tag):
    """Add new files to a night; return their paths."""
    paths = [
        folder / "storage" / night.isoformat() / f"new_{tag}_{number}.fits"
        for number in range(n_files)
    ]
    for path in paths:
        with open(path, "wb") as opened:
            opened.truncate(30_000)
    return paths


def arguments(folder, site, n_nights, first=FIRST):
    """Return the arguments of a run over a tree."""
    last = first + datetime.timedelta(days=n_nights - 1)
    return ("--input_dir", folder, "--output_dir", site, "--first_day", first, "--last_day", last)


def one_source(path, name, rule, /, **source):
    """Write settings of one source; return their path."""
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
    path.write_text(
        f'[streams.{name}]\nnight_rule = "{rule}"\n[[streams.{name}.sources]]\n{lines}\n'
    )
    return path
