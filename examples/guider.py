"""The example's guide camera: FITS files with headers, for previews.

    images/YYYY-MM-DD/guider_YYYYMMDD_NNNN.fits    plain, or with one extension per amplifier;
                                                   .fits.fz if compressed
    rsync.log                                      when each file arrived

It takes shorter exposures beside those of the survey camera. In two of every ten nights a transfer
breaks off, and a file is cut short.
"""

import dataclasses
import datetime
import io
import random

from common import append_lines, rsync_line, write_at
from instruments import LSSTCAM
from observing_plan import Exposure, plan_night

SIZE = 96  # pixels of a side
CUT_SHORT = {4: 33, 9: 21}  # night's number, modulo ten -> file's number
EXPOSURE_S = {"science": 85.0, "focus": 15.0, "flat": 5.0, "bias": 0.0}
EVERY_S = 95  # between two exposures on one field, at least
WORDS = {"science": "OBJECT", "focus": "FOCUS", "flat": "SKYFLAT", "bias": "ZERO"}


@dataclasses.dataclass(frozen=True)
class Frame:
    """A file of the guide camera, and when it came."""

    shot: Exposure
    came_at: datetime.datetime
    form: str
    seed: int


def obsid_of(night, shot):
    """Return the name of an exposure."""
    return f"GC_{night:%Y%m%d}_{shot.seq_num:04d}"


def plan_frames(site, night, number, seed):
    """Return a night's files in order."""
    chance, frames = random.Random(f"{seed} guider {night}"), []
    for shot in plan_night(LSSTCAM, site, night, number, seed):
        if shot.kind not in EXPOSURE_S or (shot.kind == "flat" and not shot.can_see_sky):
            continue
        exposure_s = EXPOSURE_S[shot.kind]
        for begins_s in range(0, max(1, int(shot.exposure_s - exposure_s + 1)), EVERY_S):
            seq_num = len(frames) + 1
            started_at = shot.started_at + datetime.timedelta(seconds=begins_s + 1)
            own = dataclasses.replace(
                shot,
                seq_num=seq_num,
                started_at=started_at,
                exposure_s=exposure_s,
                filter="white",
                band="",
            )
            form = {0: "compressed", 7: "amplifiers"}.get(seq_num % 30, "plain")
            came_at = own.ended_at + datetime.timedelta(seconds=chance.uniform(2, 20))
            frames.append(Frame(own, came_at, form, chance.randrange(2**32)))
    return frames


def make_images(folder, clock):
    """Write the images that are due; return their number."""
    came = []
    for night, number in clock.nights(clock.site.rule):
        for frame in plan_frames(clock.site, night, number, clock.seed):
            if clock.has_come(frame.came_at):
                seq_num = frame.shot.seq_num
                ending, data = image(frame.form, frame.seed, cards_of(night, frame.shot))
                data = data[: len(data) // 2] if seq_num == CUT_SHORT.get(number % 10) else data
                path = f"{night}/guider_{night:%Y%m%d}_{seq_num:04d}{ending}"
                write_at(folder / "images" / path, data, frame.shot.ended_at)
                came.append((frame.came_at, path))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    append_lines(folder / "rsync.log", [rsync_line(path, at) for at, path in sorted(came)])
    return len(came)


def cards_of(night, shot):
    """Return the keywords of a header."""
    known = {
        "OBSID": obsid_of(night, shot),
        "INSTRUME": "GUIDER",
        "DATE-OBS": f"{shot.started_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3],
        "EXPTIME": shot.exposure_s,
        "IMAGETYP": WORDS[shot.kind],
        "OBJECT": shot.target,
        "PROGRAM": shot.program,
        "FILTER": shot.filter,
        "RA": shot.ra_deg,
        "DEC": shot.dec_deg,
        "ALT": shot.altitude_deg,
        "AZ": shot.azimuth_deg,
        "AIRMASS": shot.airmass,
    }
    return {keyword: value for keyword, value in known.items() if value not in (None, "")}


def image(form, seed, cards=None):
    """Return the ending and bytes of an image of stars.

    `form` is plain, amplifiers or compressed; `cards` are keywords of its first header.
    """
    data, cards = stars(seed), cards or {}
    if form == "plain":
        return ".fits", plain(data, cards)
    from astropy.io import fits

    primary = fits.PrimaryHDU(header=fits.Header(cards))
    if form == "amplifiers":
        half = SIZE // 2
        quarters = [(x, y) for y in (0, half) for x in (0, half)]
        hdus = [primary]
        for x, y in quarters:
            header = fits.Header(
                {"DETSEC": f"[{x + 1}:{x + half},{y + 1}:{y + half}]", "EXTNAME": f"AMP{len(hdus)}"}
            )
            hdus.append(fits.ImageHDU(data[y : y + half, x : x + half], header))
    else:
        hdus = [primary, fits.CompImageHDU(data, compression_type="RICE_1")]
    written = io.BytesIO()
    fits.HDUList(hdus).writeto(written)
    return ".fits.fz" if form == "compressed" else ".fits", written.getvalue()


def plain(data, cards):
    """Return a FITS file of 16-bit numbers.

    The night has hundreds of them, for which astropy takes long.
    """
    height, width = data.shape
    own = {"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": width, "NAXIS2": height}
    lines = [f"{key:<8}= {card_value(value)}".ljust(80) for key, value in {**own, **cards}.items()]
    header = "".join([*lines, "END".ljust(80)]).encode("ascii")
    pixels = data.astype(">i2").tobytes()
    return header + b" " * (-len(header) % 2880) + pixels + bytes(-len(pixels) % 2880)


def card_value(value):
    """Return a value as a FITS card has it."""
    if isinstance(value, bool):
        return f"{'T' if value else 'F':>20}"
    return f"'{value:<8}'" if isinstance(value, str) else f"{value!r:>20}"


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
