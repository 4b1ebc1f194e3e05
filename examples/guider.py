"""The example's guide camera: FITS files for previews.

    images/YYYY-MM-DD/guider_YYYYMMDD_NNN.fits     plain, or with one extension per amplifier;
                                                   .fits.fz if compressed
    rsync.log                                      when each file arrived

In two of every ten nights a transfer breaks off, and a file is cut short.
"""

import datetime
import io
import random

from common import append_lines, rsync_line, write_at

from observing_monitor.model.nights import NightRule

RULE = NightRule()
SIZE = 96  # pixels of a side
CUT_SHORT = {4: 3, 9: 1}  # night's number, modulo ten -> file's number


def make_images(folder, clock):
    """Write the images that are due; return their number."""
    came = []
    for night, number in clock.nights(RULE):
        chance, start = random.Random(f"{clock.seed} guider {night}"), RULE.bounds(night)[0]
        for sequence, minute in enumerate(range(11 * 60 + 20, 21 * 60, 90), 1):
            taken_at = start + datetime.timedelta(minutes=minute, seconds=chance.randrange(60))
            came_at = taken_at + datetime.timedelta(seconds=chance.uniform(2, 30))
            seed = chance.randrange(2**32)
            if clock.has_come(came_at):
                ending, data = image(("plain", "amplifiers", "compressed")[sequence % 3], seed)
                data = data[: len(data) // 2] if sequence == CUT_SHORT.get(number % 10) else data
                path = f"{night}/guider_{night:%Y%m%d}_{sequence:03d}{ending}"
                write_at(folder / "images" / path, data, taken_at)
                came.append((came_at, path))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    append_lines(folder / "rsync.log", [rsync_line(path, at) for at, path in sorted(came)])
    return len(came)


def image(form, seed):
    """Return the ending and bytes of an image of stars.

    `form` is plain, amplifiers or compressed.
    """
    from astropy.io import fits

    data = stars(seed)
    if form == "plain":
        hdus = [fits.PrimaryHDU(data)]
    elif form == "amplifiers":
        half = SIZE // 2
        quarters = [(x, y) for y in (0, half) for x in (0, half)]
        hdus = [fits.PrimaryHDU()]
        for x, y in quarters:
            header = fits.Header(
                {"DETSEC": f"[{x + 1}:{x + half},{y + 1}:{y + half}]", "EXTNAME": f"AMP{len(hdus)}"}
            )
            hdus.append(fits.ImageHDU(data[y : y + half, x : x + half], header))
    else:
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type="RICE_1")]
    written = io.BytesIO()
    fits.HDUList(hdus).writeto(written)
    return ".fits.fz" if form == "compressed" else ".fits", written.getvalue()


def stars(seed):
    """Return an image of noise and a few stars."""
    import numpy as np

    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    data = chance.normal(300, 8, (SIZE, SIZE))
    for _ in range(9):
        at_y, at_x, bright = (
            chance.uniform(4, SIZE - 4),
            chance.uniform(4, SIZE - 4),
            chance.exponential(900),
        )
        data += bright * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / 6)
    return data.clip(0, 32_000).astype("int16")
