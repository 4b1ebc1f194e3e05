"""Files in an object store as input."""

import datetime

from buckets import DAYS, days, on_disk, settings_file
from running import counts, nights

pytest_plugins = ["bucket_fixtures"]


def test_files_of_a_bucket(bucket, tmp_path, go):
    """A prefix sets the night, else the time; it is listed once."""
    for night in DAYS:
        for number in range(3):
            bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_{number:06d}.fits")
    bucket.put("raw/deep/er/20200212/AT_O_20200212_000009.fits")
    bucket.put("raw/loose.fits")
    bucket.put(f"raw/{DAYS[2]}/.hidden.fits")
    bucket.put(f"raw/{DAYS[2]}/half.part")
    bucket.put(f"raw/{DAYS[2]}/", b"")  # some tools mark a folder so
    bucket.put(f"raw/{DAYS[1]}/ä b%20c#d+e?f.fits")
    settings = settings_file(
        tmp_path,
        f"""
[observing_monitor]
output_dir = "site"
[[streams.auxTel.sources]]
type = "files"
path = "{bucket.address}/raw/"
skip = ["*.part"]
""",
    )
    bucket.asked()
    code, words = go("rebuild", "-c", settings, "--jobs", "1")
    assert code == 0, words
    folders = [
        "raw/",
        "raw/deep/",
        "raw/deep/er/",
        "raw/deep/er/20200212/",
        *(f"raw/{night}/" for night in DAYS),
    ]
    assert sorted(prefix for *_, prefix in bucket.asked()) == sorted(folders)
    tonight = (bucket.head("raw/loose.fits")["LastModified"] - datetime.timedelta(hours=12)).date()
    made = nights(tmp_path / "site" / "auxTel")
    assert {night: row["n_files"] for night, row in made.items()} == {
        "2020-02-10": 3,
        "2020-02-11": 4,
        "2020-02-12": 4,
        tonight.isoformat(): 1,
    }
    assert made["2020-02-12"]["n_exposures"] == 4
    assert (
        f'"{DAYS[1]}/ä b%20c#d+e?f.fits"'
        in (tmp_path / "site" / "auxTel" / "2020-02-11.csv").read_text()
    )
    assert f"{bucket.address}/raw" in (tmp_path / "site" / "auxTel" / "index.html").read_text()


def test_rebuild_from_a_bucket_to_a_bucket(bucket, tmp_path, go):
    """Two workers between buckets write what one process writes to disk."""
    for night in DAYS:
        for number in range(3):
            bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_{number:06d}.fits")
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    source = ("--input_dir", f"{bucket.address}/raw")
    assert go("rebuild", *source, "--output_dir", tmp_path / "site", "--jobs", "1", now=now)[0] == 0
    bucket.asked()
    assert (
        go("rebuild", *source, "--output_dir", f"{bucket.address}/site", "--jobs", "2", now=now)[0]
        == 0
    )
    listed = [prefix for *_, prefix in bucket.asked() if prefix is not None]
    of_the_lock = {"site/.lock/"}  # listed again during a run
    assert sorted(prefix for prefix in listed if prefix not in {"raw/"} | of_the_lock) == [
        *(f"raw/{night}/" for night in DAYS),
        "site/",
    ]
    assert listed.count("raw/") <= 3  # each process finds the nights
    assert bucket.contents("site/") == on_disk(tmp_path / "site")


def test_objects_that_are_gone(bucket, tmp_path, go):
    """A deleted object is gone; a night without its prefix stays."""
    for night in DAYS[:2]:
        for number in range(3):
            bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_{number:06d}.fits")
    which = ("--input_dir", f"{bucket.address}/raw", *days(last=DAYS[1]))
    which += ("--output_dir", tmp_path / "site")
    assert go(*which)[0] == 0
    bucket.delete(f"raw/{DAYS[0]}/AT_O_20200210_000001.fits")
    for number in range(3):
        bucket.delete(f"raw/{DAYS[1]}/AT_O_20200211_{number:06d}.fits")
    code, words = go(*which)
    assert (
        code == 1 and "the night's prefix is no longer there; its files stay as last seen" in words
    )
    made = nights(tmp_path / "site")
    assert (
        counts(made["2020-02-10"])["gone"] == 1
        and made["2020-02-11"]["n_gone"] == 0
        and made["2020-02-11"]["n_files"] == 3
    )


def test_prefix_with_nothing_below_it(bucket, tmp_path, go):
    """An address without objects is reported once."""
    which = (*days(), "--output_dir", tmp_path / "site")
    code, said = go("--input_dir", f"{bucket.address}/nothing", *which)
    assert (
        code == 1
        and said.count("\n") == 1
        and "/nothing: there is nothing below it; is the address right?" in said
    )
