"""Previews: files of every form become pictures that show what is in them, once, and only where that is allowed."""

import bz2
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits
from conftest import need
from PIL import Image
from running import run, start, times

from observing_monitor.errors import UsageError
from observing_monitor.model import columns, frames
from observing_monitor.previews import fits_picture, plan, readers
from observing_monitor.previews.fits_picture import PreviewError

NIGHT = "2020-02-12"


def sky(height=300, width=400, dtype="float64", seed=1):
    """Noise, and a bright square in the lower left corner: that is where the file begins."""
    data = np.random.default_rng(seed).normal(1000, 10, (height, width))
    data[: height // 4, : width // 4] += 500
    return data.round().astype(dtype)


def make_preview(path, size=256, seconds=20.0, roots=None):
    """A file's preview as a reader makes it: JPEG, or PreviewError."""
    *_, data, width, height, why = readers.read_one(path, size, seconds, roots)
    if not data:
        raise PreviewError(why)
    assert Image.open(io.BytesIO(data)).size == (width, height)
    return data


def picture(path, **options):
    """A file's preview as an array, the top row first."""
    return np.asarray(Image.open(io.BytesIO(make_preview(path, **options)))).astype(float)


def bright_corner(image):
    """Which quarter of a picture is the brightest: two words."""
    up, across = image.shape[0] // 2, image.shape[1] // 2
    means = {
        ("upper", "left"): image[:up, :across],
        ("upper", "right"): image[:up, across:],
        ("lower", "left"): image[up:, :across],
        ("lower", "right"): image[up:, across:],
    }
    return max(means, key=lambda corner: means[corner].mean())


def opened(path):
    """A picture that was made, as an array."""
    with Image.open(path) as image:
        return np.asarray(image).astype(float)


def write(path, *hdus):
    fits.HDUList(
        [fits.PrimaryHDU(), *hdus] if not isinstance(hdus[0], fits.PrimaryHDU) else list(hdus)
    ).writeto(path)
    return path


def amplifiers(data, across=4, down=2, overscan=20, name="DETSEC"):
    """An image as a camera reads it: an extension an amplifier, the upper row's read from the top, each with its overscan."""
    height, width = data.shape[0] // down, data.shape[1] // across
    for row in range(down):
        for column in range(across):
            y, x = row * height, column * width
            part, section = (
                data[y : y + height, x : x + width][:, ::-1],
                f"[{x + width}:{x + 1},{y + 1}:{y + height}]",
            )
            if row:
                part, section = part[::-1], f"[{x + width}:{x + 1},{y + height}:{y + 1}]"
            padded = np.zeros((height + overscan, width + overscan), data.dtype)
            padded[:height, 3 : 3 + width] = part
            header = fits.Header({name: section, "DATASEC": f"[4:{3 + width},1:{height}]"})
            yield fits.ImageHDU(padded, header, name=f"Segment{row}{column}")


# --- pictures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"]
)
def test_types(tmp_path, dtype):
    """An image of any type, also with BZERO, is shown as it lies: the first pixel at the lower left, the longer side in full."""
    data = sky() / 8 if dtype == "uint8" else sky()
    path = write(tmp_path / "a.fits", fits.PrimaryHDU(data.astype(dtype)))
    image = picture(path)
    assert image.shape == (192, 256)
    assert bright_corner(image) == ("lower", "left")
    assert image[150:190, 2:60].mean() > image[:100, 100:].mean() + 60


def test_scaled_and_blank(tmp_path):
    """Integers with BSCALE, BZERO and BLANK are shown by their values: what is blank is black, what is negated is dark."""
    data = sky(dtype="int16")
    data[-50:, -50:] = -32768
    header = {"BSCALE": -2.0, "BZERO": 7.0, "BLANK": -32768}
    hdu = fits.PrimaryHDU(data)
    hdu.header.update(header)
    path = write(tmp_path / "a.fits", hdu)
    image = picture(path)
    assert bright_corner(image) != ("lower", "left")
    assert image[:30, -30:].max() < 10
    assert image[150:190, 2:60].mean() < image[60:100, 100:].mean() - 60


def test_not_finite(tmp_path):
    """NaN and infinities are left out of the means: one of them in each place spoils nothing."""
    data = sky()
    data[::3, ::3] = np.nan
    data[1::3, 1::3] = np.inf
    data[2::3, 2::3] = -np.inf
    assert bright_corner(
        picture(write(tmp_path / "a.fits", fits.PrimaryHDU(data.astype("f4"))))
    ) == ("lower", "left")


def test_constant(tmp_path):
    """An image of one value is one grey."""
    image = picture(write(tmp_path / "a.fits", fits.PrimaryHDU(np.full((600, 300), 7, "i4"))))
    assert image.shape == (256, 128)
    assert np.ptp(image) < 4


@pytest.mark.parametrize("shape", [(3, 300, 400), (1, 2, 300, 400)])
def test_cube(tmp_path, shape):
    """Of a cube the first plane is shown."""
    data = np.zeros(shape, "f4")
    data[(0,) * (len(shape) - 2)] = sky()
    data[(-1,) * (len(shape) - 2)] = sky()[::-1, ::-1]
    assert bright_corner(picture(write(tmp_path / "a.fits", fits.PrimaryHDU(data)))) == (
        "lower",
        "left",
    )


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((1, 1), (1, 1)),
        ((3, 5), (3, 5)),
        ((40, 4000), (32, 256)),
        ((4000,), (32, 256)),
        ((9000, 3), (256, 32)),
    ],
)
def test_shapes(tmp_path, shape, shown):
    """A small image stays as it is; a slender one, or a spectrum, is widened until it can be seen."""
    data = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    assert picture(write(tmp_path / "a.fits", fits.PrimaryHDU(data))).shape == shown


def test_mosaic(tmp_path):
    """Amplifiers lie where DETSEC says, turned as it says, without their overscan: the mosaic is the detector's own picture."""
    data = sky(1024, 1024, "int32")
    data[1000:, 700:] += 300
    whole = picture(write(tmp_path / "whole.fits", fits.PrimaryHDU(data)))
    mosaic = picture(write(tmp_path / "amplifiers.fits", *amplifiers(data), fits.BinTableHDU()))
    assert bright_corner(mosaic) == ("lower", "left")
    assert mosaic.shape == whole.shape
    assert abs(mosaic - whole).mean() < 3
    assert mosaic[1:5, 200:].mean() > mosaic[10:40, 200:].mean() + 40


def test_grid(tmp_path):
    """Without DETSEC the images lie in reading order; an image of another size is not among them."""
    parts = [np.full((50, 60), level, "f4") for level in (100, 200, 300, 400)]
    parts[0][0, 0] = 0
    image = picture(
        write(
            tmp_path / "a.fits", *(fits.ImageHDU(part) for part in [*parts, np.zeros((9, 9), "f4")])
        )
    )
    assert image.shape == (100, 120)
    corners = [image[25, 30], image[25, 90], image[75, 30], image[75, 90]]
    assert corners == sorted(corners) and corners[3] > corners[0] + 100


def test_planes(tmp_path):
    """Of an image with its mask and variance the image alone is shown; of two looks at one place, the first."""
    planes = [
        fits.ImageHDU(part, name=name)
        for name, part in (("SCI", sky()), ("ERR", sky()[::-1, ::-1]), ("DQ", sky()))
    ]
    image = picture(write(tmp_path / "a.fits", *planes))
    assert image.shape == (192, 256) and bright_corner(image) == ("lower", "left")
    detector = {"DETSEC": "[1:400,1:300]"}
    beside = fits.ImageHDU(sky()[:, ::-1], fits.Header({"DETSEC": "[401:800,1:300]"}))
    again = [fits.ImageHDU(part, fits.Header(detector)) for part in (sky(), sky()[::-1])]
    assert picture(write(tmp_path / "b.fits", *again, beside)).shape == (96, 256)


@pytest.mark.parametrize(
    "section", ["[1:0,1:0]", "[5000:1,1:2]", "none", 7, "[0:0,0:0]", "[1:2147483647,1:2]"]
)
def test_odd_sections(tmp_path, section):
    """Sections that can't be meant make no picture fail."""
    header = fits.Header({"DETSEC": section, "DATASEC": section})
    hdus = [
        fits.ImageHDU(sky(), header),
        fits.ImageHDU(sky(), fits.Header({"DETSEC": "[1:400,1:300]"})),
    ]
    assert max(picture(write(tmp_path / "a.fits", *hdus)).shape) == 256


@pytest.mark.parametrize("kind", ["fz", "tiles", "float", "gz", "gz inside", "bz2"])
def test_packed(tmp_path, kind):
    """Compressed by tiles, or packed as a whole, also where the name doesn't say so: the picture is the same."""
    data = sky(500, 500, "float32" if kind == "float" else "int16")
    plain = picture(write(tmp_path / "plain.fits", fits.PrimaryHDU(data)))
    if kind in ("fz", "tiles", "float"):
        tiles = {"tile_shape": (100, 500)} if kind == "tiles" else {}
        path = write(tmp_path / "a.fits.fz", fits.CompImageHDU(data, **tiles))
    else:
        pack, name = (
            (bz2.compress, "a.fits.bz2")
            if kind == "bz2"
            else (gzip.compress, "a.fits.gz" if kind == "gz" else "a.fits")
        )
        path = tmp_path / name
        path.write_bytes(pack((tmp_path / "plain.fits").read_bytes()))
    assert abs(picture(path) - plain).mean() < 4  # floats are compressed with a loss


def test_stripes(tmp_path, monkeypatch):
    """An image that is read in many stripes gives the same picture as one that is read at once."""
    path = write(tmp_path / "a.fits", fits.PrimaryHDU(sky(1000, 700, "uint16")))
    packed = write(
        tmp_path / "a.fits.fz", fits.CompImageHDU(sky(1000, 700, "uint16"), tile_shape=(64, 64))
    )
    whole = picture(path)
    monkeypatch.setattr(fits_picture, "STRIPE_BYTES", 50_000)
    assert (picture(path) == whole).all() and (picture(packed) == whole).all()


def broken_files(folder):
    """Files that can't be shown, by name: what the words must hold."""
    whole = write(folder / "whole.fits", fits.PrimaryHDU(sky(dtype="int16"))).read_bytes()
    tiled = write(folder / "whole.fz", fits.CompImageHDU(sky(dtype="int16"))).read_bytes()
    packed = gzip.compress(whole)
    write(folder / "tables.fits", fits.BinTableHDU(np.zeros(3, [("a", "f4")])))
    write(folder / "header.fits", fits.PrimaryHDU())
    write(folder / "nan.fits", fits.PrimaryHDU(np.full((20, 20), np.nan, "f4")))
    huge = fits.Header(
        {"SIMPLE": True, "BITPIX": -64, "NAXIS": 2, "NAXIS1": 10**9, "NAXIS2": 10**9}
    )
    wide = fits.Header({"SIMPLE": True, "BITPIX": -64, "NAXIS": 2, "NAXIS1": 10**9, "NAXIS2": 2})
    contents = {
        "cut.fits": (whole[:100_000], "cut short"),
        "cut_header.fits": (whole[:1000], "cut short"),
        "cut.fits.fz": (tiled[:50_000], "cut short"),
        "cut.fits.gz": (packed[:60_000], "damaged or cut short"),
        "damaged.fits.gz": (
            packed[:20_000] + b"\xff" * 300 + packed[20_300:],
            "damaged or cut short",
        ),
        "bad.bz2": (b"BZh9" + b"nothing of the kind" * 20, "damaged or cut short"),
        "empty.fits": (b"", "is empty"),
        "text.fits": (b"<b>502 Bad Gateway</b>\n" * 200, "not a FITS file"),
        "nulls.fits": (bytes(28800), "not a FITS file"),
        "packed_text.fits.gz": (gzip.compress(b"hello"), "not a FITS file"),
        "huge.fits": (huge.tostring().encode() + bytes(2880), "header is damaged"),
        "wide.fits": (wide.tostring().encode() + bytes(2880), "memory"),
    }
    said = {
        "tables.fits": "no image, only tables",
        "header.fits": "no image",
        "nan.fits": "blank",
        "absent.fits": "not there",
    }
    for name, (data, words) in contents.items():
        (folder / name).write_bytes(data)
        said[name] = words
    (folder / "folder.fits").mkdir()
    os.mkfifo(folder / "pipe.fits")
    return said | {"folder.fits": "not a plain file", "pipe.fits": "not a plain file"}


def test_broken(tmp_path):
    """Whatever can't be shown says why, in words, and at once."""
    for name, words in broken_files(tmp_path).items():
        with pytest.raises(PreviewError, match=words):
            make_preview(tmp_path / name)


def test_limits(tmp_path, monkeypatch):
    """A file that takes too long is given up; one that would unpack to more than is allowed, too."""
    path = write(tmp_path / "a.fits", fits.PrimaryHDU(np.zeros((2000, 2000), "f4")))
    with pytest.raises(PreviewError, match="too long"):
        make_preview(path, seconds=0)
    (tmp_path / "bomb.fits").write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(fits_picture, "MOST_BYTES", 1_000_000)
    with pytest.raises(PreviewError, match="more memory"):
        make_preview(tmp_path / "bomb.fits")


def test_outside(tmp_path):
    """A link that leads out of the folders allowed is not followed, whether the file or a folder on the way is one."""
    inside, outside = tmp_path / "inside", tmp_path / "inside_not"
    for folder in (inside, outside):
        folder.mkdir()
    write(outside / "a.fits", fits.PrimaryHDU(sky()))
    write(inside / "b.fits", fits.PrimaryHDU(sky()))
    (inside / "file.fits").symlink_to(outside / "a.fits")
    (inside / "folder").symlink_to(outside)
    (inside / "fine.fits").symlink_to("b.fits")
    for name in ("file.fits", "folder/a.fits", "../inside_not/a.fits"):
        with pytest.raises(PreviewError, match="outside"):
            make_preview(inside / name, roots=[str(inside)])
    assert make_preview(inside / "fine.fits", roots=[str(inside)])


# --- which -------------------------------------------------------------------------------------------------------------


def listing(n_exposures, n_detectors=3, **changed):
    """A night's files, an exposure a minute."""
    import pandas as pd

    rows = [(e, d) for e in range(n_exposures) for d in range(n_detectors)]
    names = [f"E{e:03}-det{d:03}.fits" for e, d in rows]
    made = {
        "file_id": names,
        "name": names,
        "path": [f"/data/{name}" for name in names],
        "kind": "fits",
        "created_at": [
            pd.Timestamp("2020-02-13T01:00Z") + pd.Timedelta(minutes=e, seconds=d) for e, d in rows
        ],
        "exposure": [f"E{e:03}" for e, _ in rows],
        "detector": [f"{d:03}" for _, d in rows],
    }
    return frames.frame(columns.FILES, pd.DataFrame(made | changed))


def test_choice():
    """All, while there are few; of more each exposure's first detectors, the newest exposures first, detectors in order."""
    chosen, n = plan.choose(listing(2), 6)
    assert n == 6
    assert list(chosen["file_id"]) == [f"E{e:03}-det{d:03}.fits" for e in (1, 0) for d in (0, 1, 2)]
    chosen, n = plan.choose(listing(10), 12)
    assert n == 30
    assert list(chosen["file_id"][:4]) == [
        f"E{e:03}-det{d:03}.fits" for e, d in ((9, 0), (9, 1), (8, 0), (8, 1))
    ]
    assert sorted(chosen.groupby("exposure").size()) == [1] * 8 + [2] * 2
    chosen, n = plan.choose(listing(10), 4)
    assert list(chosen["file_id"]) == [f"E{e:03}-det000.fits" for e in (9, 8, 7, 6)]


def test_choice_of_files():
    """A file that is no image, that is gone, or whose path is no file's, is not chosen; one that is gone and has a picture is."""
    files = listing(5, 1)
    files.loc[0, "kind"] = "json"
    files.loc[1, "on_disk"] = False
    files.loc[2, "path"] = "s3://bucket/E002"
    files.loc[3, "on_disk"] = False
    chosen, n = plan.choose(files, 9, made=["E003-det000.fits"])
    assert list(chosen["file_id"]) == ["E004-det000.fits", "E003-det000.fits"] and n == 2
    assert plan.choose(frames.empty(columns.FILES), 9)[1] == 0


# --- end to end --------------------------------------------------------------------------------------------------------


def settings(folder, asked="previews = true"):
    """A settings file of one stream of files below `folder`/store."""
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n[streams.cam]\nnight_rule = "UTC-12h"\n{asked}\n'
        '[[streams.cam.sources]]\ntype = "files"\npath = "store"\n'
    )
    return path


def add(folder, number, data=None, name=None):
    """An exposure in the file store, written that many minutes after one o'clock."""
    path = folder / "store" / NIGHT / (name or f"30200212{number:05}-det000.fits")
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(sky(seed=number) if data is None else data).writeto(path, overwrite=True)
    at = 1581555600 + 60 * number
    os.utime(path, (at, at))
    return path


def made(folder):
    """The pictures that are there, and the page's text."""
    stream = folder / "site" / "cam"
    return sorted(stream.rglob("*.jpg")), (stream / f"{NIGHT}.html").read_text()


def go(folder, *more, asked="previews = true"):
    return run("-c", settings(folder, asked), "--first_day", NIGHT, "--last_day", NIGHT, *more)


def test_real_raws(shared_data, tmp_path):
    """Raws of LATISS and ComCam, packed under a plain name, in a file store or in a repository alone: 16 amplifiers without a signal."""
    cameras = {
        "latiss_gen2": "2018-09-20",
        "comCam_gen2": "2019-05-30",
        "latiss_gen3": "2018-09-20",
        "comCam_gen3": "2019-05-30",
    }
    text = '[observing_monitor]\noutput_dir = "site"\n'
    for camera in cameras:
        need((shared_data / "rubin" / camera).is_dir(), f"there is no {camera}")
        text += f'[streams.{camera}]\ninput_dir = "{shared_data / "rubin" / camera}"\ngen = {camera[-1]}\npreviews = true\n'
    (tmp_path / "site.toml").write_text(text)
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", 1) == 0
    for camera, night in cameras.items():
        [path] = (tmp_path / "site" / camera).rglob("*.jpg")
        assert opened(path).shape == (251, 256) and np.ptp(opened(path)) == 0
        assert path.name in (tmp_path / "site" / camera / f"{night}.html").read_text()


def test_made_once(tmp_path):
    """A picture is made once and shown; a run with nothing new writes nothing; a new, changed or vanished file changes what it must."""
    paths = [add(tmp_path, number) for number in (1, 2)]
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert len(pictures) == 2
    places = [page.index(f'src="{NIGHT}.previews/{picture.name}"') for picture in pictures]
    assert places[0] > places[1]
    assert (
        page.count('loading="lazy"') == 2
        and 'width="256" height="192" alt="Preview of 3020021200002 det. 000"' in page
    )
    assert bright_corner(opened(pictures[0])) == ("lower", "left")
    before = times(tmp_path / "site")
    assert go(tmp_path) == 0
    assert times(tmp_path / "site") == before

    add(tmp_path, 3)
    add(tmp_path, 2, sky(400, 400))
    paths[0].unlink()
    assert go(tmp_path) == 0
    later, page = made(tmp_path)
    assert len(later) == 3 and pictures[0] in later and pictures[1] not in later
    assert pictures[0].stat().st_mtime_ns == before[str(pictures[0].relative_to(tmp_path / "site"))]
    assert all(picture.name in page for picture in later) and pictures[1].name not in page


def test_broken_are_told(tmp_path):
    """What can't be shown says so on the page, escaped; it is tried again when it changed, and only then."""
    folder = tmp_path / "store" / NIGHT
    folder.mkdir(parents=True)
    said = broken_files(folder)
    (folder / "<b>&.fits").write_bytes(b"no")
    secret = write(tmp_path / "secret.fits", fits.PrimaryHDU(sky()))
    (folder / "link.fits").symlink_to(secret)
    for path in folder.iterdir():
        if path.is_file() and path.name != "link.fits":
            os.utime(path, (1581555600, 1581555600))
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert len(pictures) == 1  # whole.fits, for whole.fz is none by its name
    assert "outside the folders that are read" in page
    assert (
        page.count("it is cut short") == 2
        and "it is not a FITS file" in page
        and "holds no image, only tables" in page
    )
    assert "<b>&.fits" not in page and "&lt;b&gt;" in page
    assert len(said) > 10
    index = (
        folder.parent.parent / "site" / "data" / "stream=cam" / f"night={NIGHT}" / "previews.json"
    )
    before = index.stat().st_mtime_ns
    add(tmp_path, 1, name="cut.fits")
    tried = []
    asked, readers.in_readers = (
        readers.in_readers,
        lambda tasks, *rest: tried.extend(tasks) or asked(tasks, *rest),
    )
    try:
        assert go(tmp_path) == 0
    finally:
        readers.in_readers = asked
    assert [os.path.basename(task[0]) for task in tried] == ["cut.fits"]
    pictures, page = made(tmp_path)
    assert len(pictures) == 2 and index.stat().st_mtime_ns != before


def test_sources_away(tmp_path):
    """With the file store away every page can be made anew with the pictures that there are; with it back, the rest are made."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    add(tmp_path, 2)
    assert go(tmp_path, asked="previews = false") == 0
    pictures, page = made(tmp_path)
    assert len(pictures) == 1 and pictures[0].name not in page
    (tmp_path / "store").rename(tmp_path / "away")
    assert go(tmp_path) == 1
    assert run("publish", "-c", settings(tmp_path)) == 0
    again, page = made(tmp_path)
    assert again == pictures and pictures[0].name in page
    (tmp_path / "away").rename(tmp_path / "store")
    assert go(tmp_path) == 0
    again, page = made(tmp_path)
    assert len(again) == 2 and all(picture.name in page for picture in again)


def test_time_is_limited(tmp_path, monkeypatch):
    """What a run has no time for is told, and is made by the next; no night has more pictures than are asked for."""
    for number in range(1, 6):
        add(tmp_path, number)
    monkeypatch.setattr(
        readers,
        "in_readers",
        lambda tasks, jobs, deadline: [readers.read_one(*task) for task in tasks[:2]],
    )
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert [picture.name[:13] for picture in pictures] == [
        "3020021200004",
        "3020021200005",
    ] and "3 more are still to be made" in page
    monkeypatch.undo()
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert len(pictures) == 5 and "still to be made" not in page
    asked = "previews = { most = 3, size = 64 }"
    assert go(tmp_path, asked=asked) == 0
    pictures, page = made(tmp_path)
    assert [picture.name[:13] for picture in pictures] == [
        f"302002120000{number}" for number in (3, 4, 5)
    ]
    assert opened(pictures[0]).shape == (48, 64) and "3 of 5 images" in page


def test_readers_go_on(tmp_path):
    """A file that takes too long, or whose reading fails, is told of; the others are read."""
    path = write(tmp_path / "a.fits", fits.PrimaryHDU(sky()))
    root = str(tmp_path)
    endless, fine = (str(path), 256, -1.9, [root]), (str(path), 256, 20, [root])
    unreadable = (str(path), "no size", 20, [root])
    began = time.monotonic()
    results = list(readers.in_readers([fine, endless, fine, unreadable, fine], 2, began + 60))
    assert [bool(result[1]) for result in results] == [True, False, True, False, True]
    assert results[1][4] == fits_picture.TOO_LONG
    assert list(readers.in_readers([fine], 1, began)) == [None]


def test_readers_die(tmp_path):
    """A reader that is killed or stuck costs the file that it had, which is told; the next has a new one. A late one is not waited for."""
    path = write(tmp_path / "a.fits", fits.PrimaryHDU(sky()))
    fine, ends, reader = (
        (str(path), 256, 20, [str(tmp_path)]),
        time.monotonic() + 60,
        readers._Reader(),
    )
    try:
        assert reader.ask(fine, ends)[1]
        os.kill(reader.process.pid, signal.SIGKILL)
        assert reader.ask(fine, ends)[1:] == (
            b"",
            0,
            0,
            "reading it failed: it is damaged, or needs too much memory",
        )
        assert reader.ask(fine, ends)[1]
        stuck = reader.process.pid
        os.kill(stuck, signal.SIGSTOP)
        assert reader.ask((str(path), 256, -1.9, [str(tmp_path)]), ends)[1:] == (
            b"",
            0,
            0,
            fits_picture.TOO_LONG,
        )
        assert not os.path.exists(f"/proc/{stuck}") and reader.ask(fine, ends)[1]
        reader.end()
        assert reader.ask(fine, time.monotonic() + 0.01) is None and reader.process is None
    finally:
        reader.end()


def test_broken_extra(tmp_path):
    """Where Pillow is there and can't be loaded, one line says why and what to do; all else is done, and no file is blamed for it."""
    add(tmp_path, 1)
    (tmp_path / "broken" / "PIL").mkdir(parents=True)
    (tmp_path / "broken" / "PIL" / "__init__.py").write_text(
        "raise ImportError('libjpeg.so.62: cannot open shared object file')\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'broken'}{os.pathsep}{os.environ['PYTHONPATH']}",
    }
    process = start(
        "-c", settings(tmp_path), "--first_day", NIGHT, "--last_day", NIGHT, env=environment
    )
    said = process.communicate()[1]
    assert process.returncode == 1 and "Traceback" not in said
    assert (
        "cam: previews cannot be made (ImportError: libjpeg.so.62: cannot open shared object file); pip install --upgrade"
        in said
    )
    assert "1 more is still to be made" in made(tmp_path)[1]
    assert go(tmp_path) == 0 and len(made(tmp_path)[0]) == 1


def test_without_extra(tmp_path, capfd):
    """Where astropy or Pillow is missing, one line says what to install; all else is done."""
    add(tmp_path, 1)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'astropy' else find(name, *more)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{blocked}{os.pathsep}{os.environ['PYTHONPATH']}"}
    process = start(
        "-c", settings(tmp_path), "--first_day", NIGHT, "--last_day", NIGHT, env=environment
    )
    said = process.communicate()[1]
    assert process.returncode == 1
    assert said.count("pip install 'observing_monitor[previews]'") == 1 and "Traceback" not in said
    pictures, page = made(tmp_path)
    assert not pictures and "1 more is still to be made" in page


def test_nothing_heavy(tmp_path):
    """A run with nothing new imports neither astropy nor pandas."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    heavy = {"astropy", "pandas", "numpy", "PIL"}
    code = f"import sys; from observing_monitor import cli; cli.main(sys.argv[1:]); print(sorted({heavy} & set(sys.modules)))"
    command = [
        sys.executable,
        "-c",
        code,
        "-c",
        str(tmp_path / "site.toml"),
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("previews = { sise = 3 }", "did you mean 'size'"),
        ("previews = { size = 5 }", "previews: size: 5 is not between 32 and 1024"),
        ("previews = 7", "previews"),
        ('previews = { most = "many" }', "most"),
    ],
)
def test_settings(tmp_path, asked, words):
    """Settings that can't be are refused, with the file, the stream and the key."""
    from observing_monitor.settings.read import streams_of_file

    with pytest.raises(UsageError, match=words) as caught:
        streams_of_file(settings(tmp_path, asked))
    assert "[streams.cam]" in str(caught.value)


def test_index_lost(tmp_path):
    """Where the store's index is lost, the pictures that there are stay as they are; where a night's are lost, they are made anew."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    [picture], _ = made(tmp_path)
    before = picture.stat().st_mtime_ns
    (tmp_path / "site" / "data" / "stream=cam" / "index.json").unlink()
    assert go(tmp_path) == 0
    assert picture.stat().st_mtime_ns == before and picture.name in made(tmp_path)[1]
    shutil.rmtree(picture.parent)
    assert run("rebuild", "-c", settings(tmp_path), "--jobs", 2) == 0
    assert (
        picture.exists()
        and json.loads(
            (
                tmp_path / "site" / "data" / "stream=cam" / f"night={NIGHT}" / "previews.json"
            ).read_text()
        )["files"][0]["picture"]
        == picture.name
    )


def test_list_of_previews_lost(tmp_path):
    """Where the store's list of a night's previews is lost, it is made anew, and the pictures with it."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    before = made(tmp_path)
    kept = tmp_path / "site" / "data" / "stream=cam" / f"night={NIGHT}" / "previews.json"
    told = kept.read_text()
    kept.unlink()
    assert go(tmp_path) == 0
    assert made(tmp_path) == before and kept.read_text() == told


def test_file_that_became_a_circle_of_links(tmp_path):
    """A file that leads in a circle now has no picture any more, and the page says why; the others keep theirs."""
    path = add(tmp_path, 1)
    add(tmp_path, 2)
    assert go(tmp_path) == 0
    before, _ = made(tmp_path)
    path.unlink()
    path.symlink_to(path)
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert (
        pictures == before[1:] and "it cannot be opened: too many levels of symbolic links" in page
    )


def test_no_place_for_pictures(tmp_path, capfd):
    """Where something else lies in the place of the pictures, the run ends in one line that names it."""
    add(tmp_path, 1)
    assert go(tmp_path, asked="") == 0
    (tmp_path / "site" / "cam" / f"{NIGHT}.previews").write_text("")
    capfd.readouterr()
    assert go(tmp_path) == 2
    said = capfd.readouterr().err
    assert (
        said.count("\n") == 1 and f"site/cam/{NIGHT}.previews/index.json: not a directory" in said
    )


def test_in_a_browser(tmp_path, browser):
    """The strip is drawn whole, without a script too, has no violation of axe's WCAG A and AA rules, and moves in its own box."""
    from axe_playwright_python.sync_playwright import Axe

    for number in range(1, 9):
        add(tmp_path, number)
    add(tmp_path, 9, name="cut.fits").write_bytes(b"SIMPLE  =")
    assert go(tmp_path) == 0
    address = (tmp_path / "site" / "cam" / f"{NIGHT}.html").as_uri()
    for scheme, width in (("light", 1400), ("dark", 360)):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response
        assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
        page.locator(".previews img").last.scroll_into_view_if_needed()
        page.wait_for_function(
            "[...document.querySelectorAll('.previews img')].slice(-2).every(i => i.complete && i.naturalWidth == 256)"
        )
        assert (
            page.locator(".no-preview").inner_text()
            == "No preview: its header is damaged or cut short"
        )
        assert page.locator(".scroll:has(.previews)").evaluate(
            "box => box.getBoundingClientRect().right <= innerWidth"
        )
        context.close()
