"""FITS files for previews, and the pictures that are made of them."""

import gzip
import io
import os

import numpy as np
from astropy.io import fits
from PIL import Image

from observing_monitor.previews import readers
from observing_monitor.previews.fits_picture import PreviewError


def sky(height=300, width=400, dtype="float64", seed=1):
    """Return noise with a bright lower left corner."""
    data = np.random.default_rng(seed).normal(1000, 10, (height, width))
    data[: height // 4, : width // 4] += 500
    return data.round().astype(dtype)


def write_fits(path, *hdus):
    """Write a FITS file, with an empty primary HDU if needed."""
    first = [] if isinstance(hdus[0], fits.PrimaryHDU) else [fits.PrimaryHDU()]
    fits.HDUList([*first, *hdus]).writeto(path)
    return path


def amplifiers(data, across=4, down=2, overscan=20, name="DETSEC"):
    """Yield an image as extensions, one per amplifier.

    The upper row is read from the top.
    """
    height, width = data.shape[0] // down, data.shape[1] // across
    for row in range(down):
        for column in range(across):
            y, x = row * height, column * width
            part = data[y : y + height, x : x + width][:: -1 if row else 1, ::-1]
            rows = f"{y + height}:{y + 1}" if row else f"{y + 1}:{y + height}"
            padded = np.zeros((height + overscan, width + overscan), data.dtype)
            padded[:height, 3 : 3 + width] = part
            header = fits.Header(
                {
                    name: f"[{x + width}:{x + 1},{rows}]",
                    "DATASEC": f"[4:{3 + width},1:{height}]",
                }
            )
            yield fits.ImageHDU(padded, header, name=f"Segment{row}{column}")


def make_preview(path, size=256, seconds=20.0, roots=None):
    """Return a file's preview as JPEG. Raises PreviewError if there is none."""
    *_, data, width, height, why = readers.read_one(path, size, seconds, roots)
    if not data:
        raise PreviewError(why)
    assert Image.open(io.BytesIO(data)).size == (width, height)
    return data


def picture(path, **options):
    """Return a file's preview as an array, its top row first."""
    return np.asarray(Image.open(io.BytesIO(make_preview(path, **options)))).astype(float)


def opened(path):
    """Return a picture on disk as an array."""
    with Image.open(path) as image:
        return np.asarray(image).astype(float)


def bright_corner(image):
    """Return the brightest quarter of a picture, as two words."""
    up, across = image.shape[0] // 2, image.shape[1] // 2
    means = {
        ("upper", "left"): image[:up, :across],
        ("upper", "right"): image[:up, across:],
        ("lower", "left"): image[up:, :across],
        ("lower", "right"): image[up:, across:],
    }
    return max(means, key=lambda corner: means[corner].mean())


def _huge_header(**changed):
    cards = {"SIMPLE": True, "BITPIX": -64, "NAXIS": 2, "NAXIS1": 10**9, "NAXIS2": 10**9}
    return fits.Header(cards | changed).tostring().encode() + bytes(2880)


def broken_files(folder):
    """Write files without a picture; return words of the reason, by name."""
    whole = write_fits(folder / "whole.fits", fits.PrimaryHDU(sky(dtype="int16"))).read_bytes()
    tiled = write_fits(folder / "whole.fz", fits.CompImageHDU(sky(dtype="int16"))).read_bytes()
    packed = gzip.compress(whole)
    cut, damaged, no_fits = "cut short", "damaged or cut short", "not a FITS file"
    contents = {
        "cut.fits": (whole[:100_000], cut),
        "cut_header.fits": (whole[:1000], cut),
        "cut.fits.fz": (tiled[:50_000], cut),
        "cut.fits.gz": (packed[:60_000], damaged),
        "damaged.fits.gz": (packed[:20_000] + b"\xff" * 300 + packed[20_300:], damaged),
        "bad.bz2": (b"BZh9" + b"nothing of the kind" * 20, damaged),
        "empty.fits": (b"", "is empty"),
        "text.fits": (b"<b>502 Bad Gateway</b>\n" * 200, no_fits),
        "nulls.fits": (bytes(28800), no_fits),
        "packed_text.fits.gz": (gzip.compress(b"hello"), no_fits),
        "huge.fits": (_huge_header(), "header is damaged"),
        "wide.fits": (_huge_header(NAXIS2=2), "memory"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    write_fits(folder / "tables.fits", fits.BinTableHDU(np.zeros(3, [("a", "f4")])))
    write_fits(folder / "header.fits", fits.PrimaryHDU())
    write_fits(folder / "nan.fits", fits.PrimaryHDU(np.full((20, 20), np.nan, "f4")))
    (folder / "folder.fits").mkdir()
    os.mkfifo(folder / "pipe.fits")
    return {name: words for name, (_, words) in contents.items()} | {
        "tables.fits": "no image, only tables",
        "header.fits": "no image",
        "nan.fits": "blank",
        "absent.fits": "not there",
        "folder.fits": "not a plain file",
        "pipe.fits": "not a plain file",
    }
