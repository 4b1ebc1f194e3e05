"""Turn a FITS file into a small grey picture, or say why not.

Several detectors, or amplifiers of one, become one picture. Each is placed by its DETSEC, with its
DATASEC cut out. Without DETSEC they are placed side by side in the order of the file. A cube shows
its first plane. The first pixel is at the lower left. Grey levels are those of zscale (IRAF's
`display`) over the whole picture.

astropy and Pillow are the extra `previews`; both are imported with the first picture.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import math
import os
import re
import time
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.fault_words import said
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from numpy import float64, uint8
    from numpy.typing import NDArray


Box = tuple[int, int, int, int]  # left, right, lower, upper, from 0; right and upper excluded

# JPEG quality. For a noisy sky of 256 pixels, WebP is no smaller and ten times slower, and PNG is
# three times larger.
QUALITY = 70
STRIPE_BYTES = 32_000_000  # part of an image that is held in memory
MOST_BYTES = 1_000_000_000  # of a tile or a compressed file, which are held as a whole
SLENDER = 8  # longest ratio of the sides: a spectrum is widened to it

TOO_LONG = "reading it took too long"
ALL_ZERO = "every pixel of it is 0"
# extensions with these names are images; the others are their masks and variances
PLANES_SHOWN = ("SCI", "IMAGE")
SECTION = re.compile(r"\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*")


class Hdu(Protocol):
    """The part of an astropy image that is used; astropy has no annotations."""

    name: str
    is_image: bool
    shape: tuple[int, ...]  # in numpy's order: first axis last
    header: Mapping[str, object]
    section: Any  # indexed like an array; reads only that part


class PreviewError(Exception):
    """The reason why a file cannot be shown, in words for an observer."""


@dataclass(frozen=True)
class Piece:
    """An image of a file, and its place in the picture."""

    hdu: Hdu
    rows: tuple[int, int]  # of the array, from 0; the end is excluded
    columns: tuple[int, int]
    box: Box  # on the detector
    flip_rows: bool = False
    flip_columns: bool = False


def open_regular(
    path: str | os.PathLike[str], roots: Iterable[str] | None = None
) -> io.BufferedReader:
    """Open a plain file within `roots` for reading; PreviewError says why not."""
    try:
        return open_plain(path, roots)
    except FileNotFoundError as error:
        raise PreviewError("the file is not there") from error
    except OSError as error:
        if error.errno == errno.EACCES:
            raise PreviewError("permission to read it was denied") from error
        if error.errno in (errno.EPERM, errno.EINVAL):
            raise PreviewError(error.strerror) from error
        raise PreviewError(f"it cannot be opened: {os_error_text(error)}") from error


def read_picture(
    file: io.BufferedReader, size: int, deadline: float = math.inf
) -> tuple[NDArray[uint8], str]:
    """Return the picture of an open FITS file, and what is odd about it.

    The picture is uint8, top row first. A file full of zeros is odd: `ALL_ZERO`.

    Parameters
    ----------
    file : io.BufferedReader
    size : int
        Pixels of the longer side.
    deadline : float
        Of `time.monotonic()`.

    Raises
    ------
    PreviewError
        If the file shows nothing, or takes too long.
    """
    from astropy.io import fits

    if not os.fstat(file.fileno()).st_size:
        raise PreviewError("the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = _unpacked(file, deadline)
            if file.peek(9)[:9].rstrip() != b"SIMPLE  =":
                raise PreviewError("it is not a FITS file")
            # memmap=False: a mapped file that is truncated while it is read would kill the process
            hdus = fits.open(file, memmap=False)
            means = _mosaic(_pieces(hdus), size, deadline)
            # NaN is where there is nothing
            return _to_grey(means), "" if (means[means == means] != 0).any() else ALL_ZERO
        except (PreviewError, ImportError):
            raise
        except MemoryError as error:
            raise PreviewError("it needs more memory than a preview may use") from error
        except Exception as error:  # a damaged header makes astropy raise any of a dozen kinds
            raise PreviewError(_in_words(error, file)) from error


def encode(picture: NDArray[uint8]) -> bytes:
    """Return a picture as JPEG."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def _unpacked(file: io.BufferedReader, deadline: float) -> io.BufferedReader:
    """Return the file, unpacked once: astropy would do it per extension."""
    magic = file.peek(4)[:4]
    opened = gzip.open if magic[:2] == b"\x1f\x8b" else bz2.open if magic[:3] == b"BZh" else None
    if opened is None:
        return file
    data = io.BytesIO()
    try:
        with opened(file) as packed:
            while part := packed.read(4_000_000):
                data.write(part)
                _check_limits(data.tell(), deadline)
    except (EOFError, zlib.error, OSError) as error:
        raise PreviewError("it is damaged or cut short: it cannot be unpacked") from error
    data.seek(0)
    return io.BufferedReader(data)


def _check_limits(n_bytes: int, deadline: float) -> None:
    if n_bytes > MOST_BYTES:
        raise PreviewError(
            f"it needs more memory than a preview may use ({MOST_BYTES / 1e9:.0f} GB)"
        )
    if time.monotonic() > deadline:
        raise PreviewError(TOO_LONG)


def _in_words(error: Exception, file: BinaryIO) -> str:
    """Say what is wrong with a file that raised this error."""
    from astropy.io import fits

    # EINVAL comes from seeking to an impossible place
    if isinstance(error, OSError) and error.strerror and error.errno not in (None, errno.EINVAL):
        return f"it cannot be read: {os_error_text(error)}"
    try:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        for hdu in fits.open(file, memmap=False, disable_image_compression=True):
            place = hdu.fileinfo()
            if place["datLoc"] + place["datSpan"] > end:
                return "it is cut short"
    except Exception:  # see `read_picture`
        return "its header is damaged or cut short"
    text = str(error).partition("\n")[0][:200] or type(error).__name__
    return f"it cannot be read: {said('the FITS reader', text)}"


def _pieces(hdus: Sequence[Hdu]) -> list[Piece]:
    """Return the images of the picture, each with its place."""
    images = [hdu for hdu in hdus if hdu.is_image and hdu.shape and all(hdu.shape)]
    if not images:
        raise PreviewError("it holds no image" + (", only tables" if len(hdus) > 1 else ""))
    images = [hdu for hdu in images if hdu.name.upper() in PLANES_SHOWN] or images
    placed: dict[Box, Piece] = {}
    for hdu in images:
        box, *flips = _section(hdu.header.get("DETSEC")) or (None,)
        if box:
            rows, columns, *turned = _data_section(hdu)
            flip_columns, flip_rows = (
                of_box != of_data for of_box, of_data in zip(flips, turned, strict=True)
            )
            # of two in one place the first: the second shows the same
            placed.setdefault(box, Piece(hdu, rows, columns, box, flip_rows, flip_columns))
    return list(placed.values()) if len(placed) > 1 else _grid(images)


def _grid(images: Sequence[Hdu]) -> list[Piece]:
    """Place images of the first one's size side by side, in reading order."""
    images = [hdu for hdu in images if hdu.shape == images[0].shape]
    width, height = _width_height(images[0])
    across = math.ceil(math.sqrt(len(images)))
    down = math.ceil(len(images) / across)
    pieces = []
    for number, hdu in enumerate(images):
        row, column = divmod(number, across)
        left, lower = column * width, (down - 1 - row) * height
        pieces.append(
            Piece(hdu, (0, height), (0, width), (left, left + width, lower, lower + height))
        )
    return pieces


def _width_height(hdu: Hdu) -> tuple[int, int]:
    return hdu.shape[-1], hdu.shape[-2] if len(hdu.shape) > 1 else 1


def _section(text: object) -> tuple[Box, bool, bool] | None:
    """Read a section such as `[509:1,1:2000]`; None if the text is not one.

    Numbers in the text count from 1, both ends included (NOAO's mosaic keywords).

    Returns
    -------
    box : Box
    columns_reversed, rows_reversed : bool
    """
    found = SECTION.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    x1, x2, y1, y2 = map(int, found.groups())
    return (min(x1, x2) - 1, max(x1, x2), min(y1, y2) - 1, max(y1, y2)), x1 > x2, y1 > y2


def _data_section(hdu: Hdu) -> tuple[tuple[int, int], tuple[int, int], bool, bool]:
    """Return rows and columns without overscan, and if they are reversed."""
    width, height = _width_height(hdu)
    whole = (0, width, 0, height), False, False
    told = _section(hdu.header.get("DATASEC")) or whole
    left, right, lower, upper = told[0]
    is_inside = left >= 0 and lower >= 0 and right <= width and upper <= height
    (left, right, lower, upper), *turned = told if is_inside else whole
    return (lower, upper), (left, right), turned[0], turned[1]


def _mosaic(pieces: Sequence[Piece], size: int, deadline: float) -> NDArray[float64]:
    """Return all pieces in one picture, bottom row first; NaN elsewhere."""
    import numpy as np

    lefts, rights, lowers, uppers = zip(*(piece.box for piece in pieces), strict=True)
    left, lower = min(lefts), min(lowers)
    width, height = max(rights) - left, max(uppers) - lower
    scale = min(1, size / max(width, height))
    longer = max(1, round(max(width, height) * scale))
    across, up = (max(1, round(side * scale), longer // SLENDER) for side in (width, height))
    canvas = np.full((up, across), np.nan)
    for piece in pieces:
        x0, x1 = _span(piece.box[0] - left, piece.box[1] - left, width, across)
        y0, y1 = _span(piece.box[2] - lower, piece.box[3] - lower, height, up)
        small = _shrunk(piece, (y1 - y0, x1 - x0), deadline)
        canvas[y0:y1, x0:x1] = small[
            :: -1 if piece.flip_rows else 1, :: -1 if piece.flip_columns else 1
        ]
    return canvas


def _span(start: int, end: int, whole: int, pixels: int) -> tuple[int, int]:
    """Return the first pixel of a part of a side, and the one after it."""
    first = min(start * pixels // whole, pixels - 1)
    return first, max(first + 1, end * pixels // whole)


def _shrunk(piece: Piece, shape: tuple[int, int], deadline: float) -> NDArray[float64]:
    """Return the mean of a piece in each of `shape` pixels."""
    import numpy as np

    (row0, row1), (column0, column1) = piece.rows, piece.columns
    n_rows, n_columns = min(shape[0], row1 - row0), min(shape[1], column1 - column0)
    row_edges = np.arange(n_rows + 1) * (row1 - row0) // n_rows
    column_starts = np.arange(n_columns) * (column1 - column0) // n_columns
    sums, counts = np.zeros((2, n_rows, n_columns))
    for at, block in _stripes(piece, deadline):
        is_good: NDArray[np.bool] = (
            np.isfinite(block) if block.dtype.kind == "f" else np.asarray(True)
        )
        if not is_good.all():
            block = np.where(is_good, block, 0)
        first, last = np.searchsorted(row_edges, [at, at + len(block) - 1], "right") - 1
        for row in range(first, last + 1):
            # numpy sums whole rows ten times faster than the small boxes of a reshaped array
            part = slice(max(row_edges[row] - at, 0), row_edges[row + 1] - at)
            sums[row] += np.add.reduceat(block[part].sum(axis=0, dtype=np.float64), column_starts)
            seen = (
                is_good[part].sum(axis=0)
                if is_good.shape
                else np.full(block.shape[1], len(block[part]))
            )
            counts[row] += np.add.reduceat(seen, column_starts)
    with np.errstate(all="ignore"):
        means = sums / counts
    means[~np.isfinite(means)] = np.nan
    return means[np.arange(shape[0]) * n_rows // shape[0]][
        :, np.arange(shape[1]) * n_columns // shape[1]
    ]


def _stripes(piece: Piece, deadline: float) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first row and the values of each stripe of a piece."""
    hdu, (first, end), (left, right) = piece.hdu, piece.rows, piece.columns
    shape = hdu.shape if len(hdu.shape) > 1 else (1, *hdu.shape)
    row_bytes = shape[-1] * 8
    # a tile that spans several stripes would be unpacked for each of them
    n_rows = max(
        STRIPE_BYTES // row_bytes, 1, (getattr(hdu, "tile_shape", None) or (1,) * 2)[-2:][0]
    )
    _check_limits(min(n_rows, end - first) * row_bytes, deadline)
    plane = (0,) * (len(hdu.shape) - 2)
    for start in range(first, end, n_rows):
        _check_limits(0, deadline)
        stop = min(start + n_rows, end)
        block = (
            hdu.section[(*plane, slice(start, stop), slice(None))]
            if len(hdu.shape) > 1
            else hdu.section[:][None]
        )
        yield start - first, block[:, left:right]


def _to_grey(means: NDArray[float64]) -> NDArray[uint8]:
    """Scale means to uint8 by zscale, top row first; black elsewhere."""
    import numpy as np
    from astropy.visualization import ZScaleInterval

    is_there = np.isfinite(means)
    if not is_there.any():
        raise PreviewError("every pixel of it is blank")
    low, high = ZScaleInterval().get_limits(means)
    if not high > low:
        low, high = means[is_there].min(), means[is_there].max()
    span = high - low
    with np.errstate(all="ignore"):
        grey = (
            (means - low) * (255 / span)
            if span > 0 and math.isfinite(span)
            else np.full(means.shape, 128.0)
        )
    return np.where(is_there, np.clip(np.nan_to_num(grey), 0, 255), 0).astype(np.uint8)[::-1]
