"""FITS headers of a folder of files."""

import datetime
import gzip
import os
import time

import fits_headers
import pytest
from fits_headers import fits, header
from running import run

from observing_monitor.processes import parallel
from observing_monitor.sources.file_headers import HeaderReader
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

NIGHT = datetime.date(2026, 3, 1)
CAMERA = """
[[streams.camera.sources]]
type = "files"
path = "{folder}"
"""
ONE = {"OBJECT": "M 31", "EXPTIME": 30.0, "OBSTYPE": "object", "DATE-OBS": "2026-03-01T20:00:00"}


@pytest.fixture
def site(tmp_path):
    """Return a function that runs a site and returns the night's tables."""
    (tmp_path / "files" / f"{NIGHT}").mkdir(parents=True)

    def go(more="headers = true", status=0):
        settings = tmp_path / "site.toml"
        text = CAMERA.format(folder=tmp_path / "files") + more
        settings.write_text(text + "\n")
        days = ("--first_day", NIGHT, "--last_day", NIGHT)
        assert run("--config", settings, "--output_dir", tmp_path / "out", *days) == status
        return Store(Output(tmp_path / "out"), "camera").load(NIGHT)

    go.folder = tmp_path / "files" / f"{NIGHT}"
    return go


def rows(tables):
    return tables.exposures.set_index("exposure").to_dict("index")


def test_six_habits_same_facts(site):
    """Keywords of six observatories give the same facts in 2,000 files."""
    names = list(fits_headers.WORDS)
    wanted = {}
    for number in range(2000):
        habit = names[number % 6]
        one = fits_headers.facts(number, NIGHT)
        data = fits(*fits_headers.in_habit(habit, one))
        packed = number % 10 == 3
        name = f"{habit}{number}.fits{'.gz' if packed else ''}"
        (site.folder / name).write_bytes(gzip.compress(data, 1) if packed else data)
        wanted[f"{habit}{number}"] = one
    found = rows(site())
    assert found.keys() == wanted.keys()
    for name, one in wanted.items():
        made = {fact: found[name][fact] for fact in one}
        gap = abs(made.pop("started_at") - one.pop("started_at")).total_seconds()
        assert gap < 0.001
        assert made == pytest.approx(one), name


def test_off_by_default(site):
    """Without the setting, no header is read."""
    (site.folder / "a.fits").write_bytes(fits(ONE))
    assert site("").exposures.empty


def test_own_keywords_read_again(site):
    """Other keywords in the settings have the headers read again."""
    cards = {**ONE, "MYTARGET": "M 33", "WHO": "B. Dark"}
    (site.folder / "a.fits").write_bytes(fits(cards))
    assert rows(site())["a"]["target"] == "M 31"
    made = site(
        'headers = { target = ["MYTARGET"], observer = ["WHO"] }\ntypes = { object = "test" }'
    )
    one = rows(made)["a"]
    assert (one["target"], one["observer"], one["observation_type"]) == ("M 33", "B. Dark", "test")


def test_hostile_headers_affect_only_themselves(site):
    """Damaged and strange files are named; the others are read."""
    good = fits(ONE)
    many = header({**{f"KEY{number}": number for number in range(10_000)}, **ONE})
    files = {
        "good": good,
        "many": many,
        "wrong": fits({**ONE, "EXPTIME": "long", "AIRMASS": True, "OBJECT": 12, "RA": "north"}),
        "nan": fits(ONE).replace(b"                30.0", b"                 NaN"),
        "noend": good[:2880].replace(b"END", b"ENT"),
        "endless": b"SIMPLE  =                    T".ljust(80) * 40_000,
        "empty": b"",
        "text": b"hello\n" * 1000,
        "cut": gzip.compress(good)[:60],
        "bomb": gzip.compress(bytes(300_000_000), 1),
        "bomb_behind": gzip.compress(
            header({}, BITPIX=8, NAXIS=1, NAXIS1=400_000_000) + bytes(300_000_000), 1
        ),
        "huge": header(ONE, BITPIX=64, NAXIS=3, NAXIS1=10**9, NAXIS2=10**9, NAXIS3=10**9),
    }
    for name, data in files.items():
        (site.folder / f"{name}.fits").write_bytes(data)
    os.mkfifo(site.folder / "pipe.fits")
    (site.folder / "loop.fits").symlink_to("loop.fits")
    made = site()
    found = rows(made)
    assert set(found) == {"good", "many", "wrong", "nan", "huge", "bomb_behind"} or set(found) == {
        "good",
        "many",
        "wrong",
        "nan",
        "huge",
    }
    for name in ("many", "huge"):
        assert found[name]["target"] == found["good"]["target"] == "M 31"
        assert found[name]["started_at"] == found["good"]["started_at"]
    assert found["wrong"]["target"] == "12" and found["wrong"]["airmass"] != 1
    for name in ("wrong", "nan"):
        assert found[name]["exposure_time_s"] != found[name]["exposure_time_s"]  # NaN
    looked = Store(Output(site.folder.parents[1] / "out"), "camera").read_looked(NIGHT)
    (place,) = (one for one in looked["rows"]["files"] if ", headers of night" in one)
    n_read, n_left_out, examples = looked["rows"]["files"][place]
    assert n_read - n_left_out >= len(found) and n_left_out >= 6 and examples


def test_one_header_per_exposure(site, monkeypatch):
    """One header of an exposure is read, or the next if it is damaged."""
    for number in (1, 2):
        for detector in range(3):
            data = b"damaged" if number == 2 and detector == 0 else fits(ONE)
            (site.folder / f"e{number}_d{detector}.fits").write_bytes(data)
    asked = []
    original = parallel.each_in_process

    def each(function, tasks, limit_s):
        asked.extend(os.path.basename(task[0]) for task in tasks)
        return original(function, tasks, limit_s)

    monkeypatch.setattr("observing_monitor.sources.file_headers.each_in_process", each)
    pattern = r"name_pattern = '(?P<exposure>e\d)_d(?P<detector>\d)'"
    made = site(f"headers = true\n{pattern}")
    assert sorted(asked) == ["e1_d0.fits", "e2_d0.fits", "e2_d1.fits"]
    assert list(made.exposures["exposure"]) == ["e1", "e2"]
    asked.clear()
    site(f"headers = true\n{pattern}")
    assert not asked
    (site.folder / "e1_d0.fits").write_bytes(fits({**ONE, "OBJECT": "M 32"}))
    changed = site(f"headers = true\n{pattern}")
    assert asked == ["e1_d0.fits"]
    assert rows(changed)["e1"]["target"] == "M 32"


def test_later_runs_read_the_rest(site, monkeypatch):
    """A run has a time for headers; the next run goes on."""
    for number in range(5):
        path = site.folder / f"a{number}.fits"
        path.write_bytes(fits(ONE))
        os.utime(path, (1772400000 + number, 1772400000 + number))
    answers = HeaderReader._answers

    def two(self, tasks):
        for number, answer in enumerate(answers(self, tasks), 1):
            yield answer
            if number == 2:
                self._left_s = 0
                return

    monkeypatch.setattr(HeaderReader, "_answers", two)
    found = [set(rows(site())) for _ in range(4)]
    assert found[0] == {"a3", "a4"}
    assert found[1] == {"a1", "a2", "a3", "a4"}
    assert found[2] == found[3] == {f"a{number}" for number in range(5)}


def test_deleted_files_keep_their_exposures(site):
    """An exposure stays if its file is deleted."""
    for name in ("a", "b"):
        (site.folder / f"{name}.fits").write_bytes(fits(ONE))
    site()
    (site.folder / "a.fits").unlink()
    assert set(rows(site())) == {"a", "b"}
    made = rows(site('headers = true\ntypes = { object = "test" }'))
    assert made["a"]["observation_type"] == made["b"]["observation_type"] == "test"


def test_a_hung_file_costs_its_own_time():
    """A task that takes too long ends its process."""
    made = list(parallel.each_in_process(time.sleep, [(0,), (0.1,), (60,), (0,)], 1))
    assert made == [None, None]
