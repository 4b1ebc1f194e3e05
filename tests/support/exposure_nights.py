"""A night of many exposures, from a table of files."""

import datetime

from running import run

NIGHT = datetime.date(2020, 2, 12)
START = datetime.datetime(2020, 2, 12, 23, tzinfo=datetime.UTC)
NOW = START + datetime.timedelta(hours=8)
SETTINGS = """
[observing_monitor]
output_dir = "site"

[streams.camera]
[[streams.camera.sources]]
type = "table"
path = "files.csv"
feeds = "files"

[streams.camera.sources.columns]
path = "path"
size_bytes = "size"
created_at = "created"
transferred_at = "came"
exposure = "exposure"
seq_num = "number"
"""


def exposure_name(number):
    """Return the name of an exposure, by its number from 0."""
    return f"MC_O_20200212_{number:06d}"


def observe(folder, n_exposures, code=0):
    """Run with a number of exposures of two files each."""
    lines = ["path,size,created,came,exposure,number\n"]
    for number in range(n_exposures):
        name = exposure_name(number)
        at = START + datetime.timedelta(seconds=number * 6)
        came = at + datetime.timedelta(seconds=4)
        rest = f"30000000,{at:%FT%TZ},{came:%FT%TZ},{name},{number + 1}"
        lines += [f"{NIGHT}/{name}_R22_S{n}.fits,{rest}\n" for n in range(2)]
    folder.mkdir(exist_ok=True)
    (folder / "files.csv").write_text("".join(lines))
    (folder / "site.toml").write_text(SETTINGS)
    run_again(folder, code)


def run_again(folder, code=0):
    """Run with the files as they are."""
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    assert run("-c", folder / "site.toml", *days, now=NOW) == code
