"""The example's instruments, programs and targets."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A place on the sky (ICRS)."""

    name: str
    ra_deg: float
    dec_deg: float


@dataclass(frozen=True)
class Program:
    """Targets of a program; `n_each` exposures in each of its filters."""

    name: str
    targets: tuple[Target, ...]
    filters: tuple[str, ...]
    n_each: int
    exposure_s: float
    dither_deg: float = 0.0
    weight: float = 1.0
    acquisition: str = ""  # filter of an exposure before the others


@dataclass(frozen=True, eq=False)
class Instrument:
    """An instrument, and its way to observe.

    `calibrations` are (type, filter, number, exposure time), `flats` (filter, exposure time).
    """

    name: str
    bands: dict[str, str]  # filter -> band
    calibrations: tuple[tuple[str, str, int, float], ...]
    flats: tuple[tuple[str, float], ...]
    n_flats: int  # in each filter
    focus: str  # filter of focus sweeps
    programs: tuple[Program, ...]
    readout_s: float
    change_s: float = 90.0  # to change the filter
    dark_time: tuple[str, ...] = ()  # filters of dark time alone
    nights: tuple[int, ...] = tuple(range(10))  # on the sky; calibrations alone in the others


def _tiles():
    """Return a grid of fields, for a wide survey."""
    tiles = []
    for dec in range(-65, 6, 10):
        n = round(36 * math.cos(math.radians(dec)))
        for number in range(n):
            ra = 360 * number / n
            tiles.append(Target(f"W{ra:03.0f}{dec:+03d}", round(ra, 3), float(dec)))
    return tuple(tiles)


def _targets(text):
    """Return targets from lines of a name, right ascension and declination."""
    lines = [line.rsplit(maxsplit=2) for line in text.strip().splitlines()]
    return tuple(Target(name.strip(), float(ra), float(dec)) for name, ra, dec in lines)


# standard stars of spectrophotometry
STARS = _targets("""
HD 2811      7.827  -43.606
HD 14943    35.728  -51.092
HD 37962    85.217  -31.351
HD 38949    87.084  -24.464
HD 60753   113.364  -50.584
HD 74000   130.212  -16.345
HD 111980  193.313  -18.522
HD 142331  238.582   -8.580
HD 160617  265.705  -40.321
HD 167060  274.434  -61.709
HD 200654  316.645  -49.964
HD 205905  324.792  -27.307
""")
# fields of standard stars near the equator
STANDARD_FIELDS = _targets("""
SA 92    13.950    0.720
SA 95    58.500    0.030
SA 98   103.020   -0.330
SA 101  149.100   -0.390
SA 104  190.480   -0.530
SA 107  234.830   -0.260
SA 110  280.600    0.350
SA 113  325.380    0.490
""")
DEEP_FIELDS = _targets("""
ELAIS-S1      9.450  -44.025
XMM-LSS      35.571   -4.820
ECDFS        52.980  -28.118
EDFS_a       58.900  -49.315
COSMOS      150.110    2.234
M 83        204.254  -29.866
Lupus       238.500  -37.500
Galactic centre  266.417  -29.008
Corona Australis  285.400  -36.950
Grus        345.000  -42.000
""")
CLUSTERS = _targets("""
47 Tuc       6.022  -72.081
NGC 253     11.888  -25.288
Fornax      54.620  -35.450
NGC 1851    78.528  -40.047
NGC 2298   102.248  -36.005
NGC 3201   154.403  -46.412
Omega Cen  201.697  -47.480
NGC 5897   229.352  -21.010
M 22       279.100  -23.905
NGC 6752   287.717  -59.985
M 30       325.092  -23.180
""")

SLOAN = ("SDSSg_65mm~empty", "SDSSr_65mm~empty", "SDSSi_65mm~empty")
LATISS = Instrument(
    name="LATISS",
    bands={**dict(zip(SLOAN, "gri", strict=True)), "empty~holo4_003": "", "empty~blue300lpmm": ""},
    calibrations=(
        ("bias", SLOAN[1], 20, 0.0),
        ("dark", SLOAN[1], 10, 60.0),
        *(("flat", filter_, 10, 8.0) for filter_ in SLOAN),
    ),
    flats=((SLOAN[0], 12.0), (SLOAN[2], 8.0), (SLOAN[1], 6.0)),
    n_flats=5,
    focus=SLOAN[1],
    programs=(
        Program(
            "spectra", STARS, ("empty~holo4_003", "empty~blue300lpmm"), 4, 150.0, 0, 2, SLOAN[1]
        ),
        Program("photometry", STANDARD_FIELDS, SLOAN, 2, 60.0, 0.03),
        Program("imaging", DEEP_FIELDS, SLOAN, 3, 120.0, 0.05, 1.5),
    ),
    readout_s=2.5,
    change_s=20.0,
)
COMCAM = Instrument(
    name="LSSTComCam",
    bands={"u_02": "u", "g_01": "g", "r_03": "r", "i_06": "i", "z_03": "z", "y_04": "y"},
    calibrations=(
        ("bias", "r_03", 5, 0.0),
        ("dark", "r_03", 2, 300.0),
        ("flat", "g_01", 2, 20.0),
        ("flat", "r_03", 2, 15.0),
        ("flat", "i_06", 2, 15.0),
    ),
    flats=(("i_06", 10.0), ("r_03", 12.0), ("g_01", 20.0)),
    n_flats=1,
    focus="r_03",
    programs=(
        Program("deep", DEEP_FIELDS, ("g_01", "r_03", "i_06"), 3, 480.0, 0.2, 2),
        Program("clusters", CLUSTERS, ("g_01", "i_06"), 2, 480.0, 0.1),
    ),
    readout_s=2.4,
    dark_time=("u_02", "g_01"),
    nights=(2, 5, 7, 9),
)
LSSTCAM = Instrument(
    name="LSSTCam",
    bands={"u_24": "u", "g_6": "g", "r_57": "r", "i_39": "i", "z_20": "z", "y_10": "y"},
    calibrations=(
        ("bias", "r_57", 5, 0.0),
        ("dark", "r_57", 2, 300.0),
        ("flat", "r_57", 3, 15.0),
        ("flat", "i_39", 3, 15.0),
    ),
    flats=(("z_20", 8.0), ("i_39", 10.0), ("r_57", 14.0)),
    n_flats=1,
    focus="r_57",
    programs=(
        Program(
            "wide",
            _tiles(),
            ("u_24", "g_6", "r_57", "i_39", "z_20", "y_10"),
            3,
            300.0,
            0.3,
            3,
        ),
        Program("deep", DEEP_FIELDS, ("g_6", "r_57", "i_39"), 4, 300.0, 0.7),
    ),
    readout_s=2.4,
    dark_time=("u_24", "g_6"),
)
