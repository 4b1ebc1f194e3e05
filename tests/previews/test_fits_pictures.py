"""Pictures of FITS files of every form."""

import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits
from fits_images import (
    amplifiers,
    bright_corner,
    broken_files,
    make_preview,
    picture,
    sky,
    write_fits,
)

from observing_monitor.previews import fits_picture
from observing_monitor.previews.fits_picture import PreviewError


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"]
)
def test_types(tmp_path, dtype):
    """An image of any type has its first pixel at the lower left."""
    data = sky() / 8 if dtype == "uint8" else sky()
    image = picture(write_fits(tmp_path / "a.fits", fits.PrimaryHDU(data.astype(dtype))))
    assert image.shape == (192, 256)
    assert bright_corner(image) == ("lower", "left")
    assert image[150:190, 2:60].mean() > image[:100, 100:].mean() + 60


def test_scaled_and_blank(tmp_path):
    """Scaled integers are shown by value, blank ones black."""
    data = sky(dtype="int16")
    data[-50:, -50:] = -32768
    hdu = fits.PrimaryHDU(data)
    hdu.header.update({"BSCALE": -2.0, "BZERO": 7.0, "BLANK": -32768})
    image = picture(write_fits(tmp_path / "a.fits", hdu))
    assert bright_corner(image) != ("lower", "left")
    assert image[:30, -30:].max() < 10
    assert image[150:190, 2:60].mean() < image[60:100, 100:].mean() - 60


def test_not_finite(tmp_path):
    """NaN and infinities do not count in means."""
    data = sky()
    data[::3, ::3] = np.nan
    data[1::3, 1::3] = np.inf
    data[2::3, 2::3] = -np.inf
    path = write_fits(tmp_path / "a.fits", fits.PrimaryHDU(data.astype("f4")))
    assert bright_corner(picture(path)) == ("lower", "left")


def test_constant(tmp_path):
    """An image of one value is one grey."""
    data = np.full((600, 300), 7, "i4")
    image = picture(write_fits(tmp_path / "a.fits", fits.PrimaryHDU(data)))
    assert image.shape == (256, 128)
    assert np.ptp(image) < 4


@pytest.mark.parametrize("shape", [(3, 300, 400), (1, 2, 300, 400)])
def test_cube(tmp_path, shape):
    """The first plane of a cube is shown."""
    data = np.zeros(shape, "f4")
    data[(0,) * (len(shape) - 2)] = sky()
    data[(-1,) * (len(shape) - 2)] = sky()[::-1, ::-1]
    image = picture(write_fits(tmp_path / "a.fits", fits.PrimaryHDU(data)))
    assert bright_corner(image) == ("lower", "left")


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
    """A small image stays as it is; a narrow one is widened."""
    data = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    assert picture(write_fits(tmp_path / "a.fits", fits.PrimaryHDU(data))).shape == shown


def test_mosaic(tmp_path):
    """Amplifiers lie as DETSEC says, without overscan."""
    data = sky(1024, 1024, "int32")
    data[1000:, 700:] += 300
    whole = picture(write_fits(tmp_path / "whole.fits", fits.PrimaryHDU(data)))
    parts = write_fits(tmp_path / "amplifiers.fits", *amplifiers(data), fits.BinTableHDU())
    mosaic = picture(parts)
    assert bright_corner(mosaic) == ("lower", "left")
    assert mosaic.shape == whole.shape
    assert abs(mosaic - whole).mean() < 3
    assert mosaic[1:5, 200:].mean() > mosaic[10:40, 200:].mean() + 40


def test_grid(tmp_path):
    """Without DETSEC, images lie in reading order."""
    parts = [np.full((50, 60), level, "f4") for level in (100, 200, 300, 400)]
    parts[0][0, 0] = 0
    hdus = [fits.ImageHDU(part) for part in [*parts, np.zeros((9, 9), "f4")]]
    image = picture(write_fits(tmp_path / "a.fits", *hdus))
    assert image.shape == (100, 120)
    corners = [image[25, 30], image[25, 90], image[75, 30], image[75, 90]]
    assert corners == sorted(corners) and corners[3] > corners[0] + 100


def test_planes(tmp_path):
    """Planes with masks and variances are not shown."""
    parts = (("SCI", sky()), ("ERR", sky()[::-1, ::-1]), ("DQ", sky()))
    planes = [fits.ImageHDU(part, name=name) for name, part in parts]
    image = picture(write_fits(tmp_path / "a.fits", *planes))
    assert image.shape == (192, 256) and bright_corner(image) == ("lower", "left")


def test_two_images_of_one_place(tmp_path):
    """The first of two images of one place is shown."""
    detector = {"DETSEC": "[1:400,1:300]"}
    again = [fits.ImageHDU(part, fits.Header(detector)) for part in (sky(), sky()[::-1])]
    other = fits.ImageHDU(sky()[:, ::-1], fits.Header({"DETSEC": "[401:800,1:300]"}))
    image = picture(write_fits(tmp_path / "b.fits", *again, other))
    assert image.shape == (96, 256)
    assert bright_corner(image)[0] == "lower"


@pytest.mark.parametrize(
    "section", ["[1:0,1:0]", "[5000:1,1:2]", "none", 7, "[0:0,0:0]", "[1:2147483647,1:2]"]
)
def test_odd_sections(tmp_path, section):
    """An impossible section makes no picture fail."""
    odd = fits.Header({"DETSEC": section, "DATASEC": section})
    plain = fits.Header({"DETSEC": "[1:400,1:300]"})
    hdus = [fits.ImageHDU(sky(), header) for header in (odd, plain)]
    assert max(picture(write_fits(tmp_path / "a.fits", *hdus)).shape) == 256


@pytest.mark.parametrize("kind", ["fz", "tiles", "float"])
def test_compressed_by_tiles(tmp_path, kind):
    """An image compressed by tiles gives the same picture."""
    data = sky(500, 500, "float32" if kind == "float" else "int16")
    plain = picture(write_fits(tmp_path / "plain.fits", fits.PrimaryHDU(data)))
    tiles = {"tile_shape": (100, 500)} if kind == "tiles" else {}
    path = write_fits(tmp_path / "a.fits.fz", fits.CompImageHDU(data, **tiles))
    assert abs(picture(path) - plain).mean() < 4  # floats lose some of their digits


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.fits.gz", gzip.compress), ("a.fits", gzip.compress), ("a.fits.bz2", bz2.compress)],
)
def test_packed_as_a_whole(tmp_path, name, pack):
    """A packed file gives the same picture."""
    plain = write_fits(tmp_path / "plain.fits", fits.PrimaryHDU(sky(500, 500, "int16")))
    (tmp_path / name).write_bytes(pack(plain.read_bytes()))
    assert (picture(tmp_path / name) == picture(plain)).all()


def test_stripes(tmp_path, monkeypatch):
    """An image read in stripes gives the same picture."""
    data = sky(1000, 700, "uint16")
    path = write_fits(tmp_path / "a.fits", fits.PrimaryHDU(data))
    packed = write_fits(tmp_path / "a.fits.fz", fits.CompImageHDU(data, tile_shape=(64, 64)))
    whole = picture(path)
    monkeypatch.setattr(fits_picture, "STRIPE_BYTES", 50_000)
    assert (picture(path) == whole).all() and (picture(packed) == whole).all()


def test_broken_files(tmp_path):
    """A file without a picture has a reason."""
    for name, words in broken_files(tmp_path).items():
        with pytest.raises(PreviewError, match=words):
            make_preview(tmp_path / name)


def test_limits(tmp_path, monkeypatch):
    """A file that takes too long or unpacks to too much is given up."""
    path = write_fits(tmp_path / "a.fits", fits.PrimaryHDU(np.zeros((2000, 2000), "f4")))
    with pytest.raises(PreviewError, match="too long"):
        make_preview(path, seconds=0)
    (tmp_path / "bomb.fits").write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(fits_picture, "MOST_BYTES", 1_000_000)
    with pytest.raises(PreviewError, match="more memory"):
        make_preview(tmp_path / "bomb.fits")


def test_links_that_lead_outside(tmp_path):
    """A link out of the allowed folders is not followed."""
    inside, outside = tmp_path / "inside", tmp_path / "inside_not"
    for folder in (inside, outside):
        folder.mkdir()
    write_fits(outside / "a.fits", fits.PrimaryHDU(sky()))
    write_fits(inside / "b.fits", fits.PrimaryHDU(sky()))
    (inside / "file.fits").symlink_to(outside / "a.fits")
    (inside / "folder").symlink_to(outside)
    (inside / "fine.fits").symlink_to("b.fits")
    for name in ("file.fits", "folder/a.fits", "../inside_not/a.fits"):
        with pytest.raises(PreviewError, match="outside"):
            make_preview(inside / name, roots=[str(inside)])
    assert make_preview(inside / "fine.fits", roots=[str(inside)])
