"""A night of a stream with previews: its files, runs, pictures and page."""

import os

from astropy.io import fits
from fits_images import sky
from running import run

NIGHT = "2020-02-12"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
ONE_O_CLOCK = 1581555600  # in the night, UTC


def settings(folder, previews="previews = true"):
    """Write the settings of a stream; return their path."""
    path = folder / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "site"\n'
        f'[streams.cam]\nnight_rule = "UTC-12h"\n{previews}\n'
        '[[streams.cam.sources]]\ntype = "files"\npath = "store"\n'
    )
    return path


def add(folder, number, data=None, name=None):
    """Write an exposure into the store; return its path."""
    path = folder / "store" / NIGHT / (name or f"30200212{number:05}-det000.fits")
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(sky(seed=number) if data is None else data).writeto(path, overwrite=True)
    at = ONE_O_CLOCK + 60 * number
    os.utime(path, (at, at))
    return path


def go(folder, *more, previews="previews = true"):
    """Run for the night; return the exit code."""
    return run("-c", settings(folder, previews), *DAYS, *more)


def made(folder):
    """Return the pictures on disk, and the text of the night's page."""
    stream = folder / "site" / "cam"
    return sorted(stream.rglob("*.jpg")), (stream / f"{NIGHT}.html").read_text()


def list_of_previews(folder):
    """Return the path of the store's list of the night's previews."""
    return folder / "site" / "data" / "stream=cam" / f"night={NIGHT}" / "previews.json"
