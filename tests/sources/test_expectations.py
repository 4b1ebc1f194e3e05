"""Expectations: missing exposures, detectors, numbers, counts and excess."""

import datetime
import json
import os
import re

import pandas as pd
import pytest
from conftest import CHECKOUT

from observing_monitor import cli
from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.expectations import Expectations
from observing_monitor.sources.expected_lists import read_exposures, read_sensors
from observing_monitor.sources.expected_names import missing_ranges, range_text
from observing_monitor.tables.merge import update

UTC = datetime.UTC
NIGHT = datetime.date(2025, 4, 30)
ENDED = datetime.datetime(2025, 5, 3, tzinfo=UTC)  # long after the night
EVENING = datetime.datetime(2025, 4, 30, 23, tzinfo=UTC)


def files_of(paths, created_at=EVENING, night=NIGHT):
    """Return a night's files as a file store reports them.

    `created_at` is one instant for all files, or one for each.
    """
    name = names.last_parts(pd.Series(paths, dtype="str"))
    from_names = names.read_names(name)
    return frames.frame(
        columns.FILES,
        {
            "file_id": paths,
            "name": name,
            "kind": name.map(names.kind_of),
            "created_at": pd.Series(created_at, index=name.index),
            **from_names.to_dict("series"),
        },
    ).assign(source="files")


def compared(paths, settings, now=ENDED, night=NIGHT, created_at=EVENING):
    """Return the findings as `level: text`, the headlines, and the notes."""
    source = Expectations(Expectations.Settings(**settings), Asked("s", NightRule(), now))
    source.look(night, None)
    reading = source.read(night)
    known = Tables(
        files_of(paths, created_at), frames.empty(columns.INGESTS), frames.empty(columns.METRICS)
    )
    tables = update(known, {"expected": reading}, silent={"files"})
    found = [f"{f.level}: {f.text}" for f in Expectations.check(night, tables, source.settings)]
    return found, Expectations.numbers(night, tables, source.settings), reading.notes


def obsids(*numbers, day="20250430", sensors=("",)):
    """Return paths of files with these sequence numbers and sensors."""
    return [
        f"2025-04-30/MC_O_{day}_{n:06d}{sensor and '_' + sensor}.fits"
        for n in numbers
        for sensor in sensors
    ]


def test_missing_ranges():
    """Ranges lie between the first and the last number, or those that came."""
    assert missing_ranges([16, 20, 21, 43, 41, 41]) == [(17, 19), (22, 40), (42, 42)]
    assert missing_ranges([3], first=1) == [(1, 2)]
    assert missing_ranges([], first=1) == []
    assert missing_ranges([1, 2], last=4) == [(3, 4)]
    assert missing_ranges([5], first=7) == []
    assert range_text([(17, 19), (42, 42)]) == "17–19, 42"
    assert range_text([(1, 1), (3, 3), (5, 9)], 2) == "1, 3 and 5 more"


def test_real_gaps(shared_data, tmp_path):
    """The gaps of real LATISS nights are found by name alone.

    Those of 2020-02-17 were counted independently; its obsid 222 has five digits.
    """
    listed = (shared_data / "rubin/latiss_2020_obsids.txt").read_text().split()
    of_day = {
        day: [name for name in listed if f"_{day}_" in name]
        for day in ("20200212", "20200217", "20200220")
    }
    for day, came in of_day.items():
        seen = {int(name.rpartition("_")[2]) for name in came}
        absent = sorted(set(range(min(seen), max(seen) + 1)) - seen)
        night = datetime.date.fromisoformat(day)
        found, numbers, _ = compared(
            [f"{name}.fits" for name in came], {"sequence": True, "max_named": 100}, night=night
        )
        (text,) = found
        words = text.partition("missing: ")[2]
        unrolled = [
            n
            for part in words.split(", ")
            for a, _, b in [part.partition("–")]
            for n in range(int(a), int(b or a) + 1)
        ]
        assert unrolled == absent and text.startswith(
            f"warning: {len(absent)} of the sequence numbers {min(seen)}–{max(seen)} never came; "
        )
        assert numbers == {"n_gaps": len(absent)}
    assert compared(
        [f"{name}.fits" for name in of_day["20200212"]], {"sequence": True, "first": 1}
    )[0] == ["warning: 20 of the sequence numbers 1–22 never came; missing: 1–10, 12–21"]
    assert (
        "222" in compared([f"{name}.fits" for name in of_day["20200217"]], {"sequence": True})[0][0]
    )


def test_gaps_wait_while_the_night_is_open():
    """Numbers below one that came recently are not missing yet."""
    times = [EVENING - datetime.timedelta(hours=2)] * 2 + [EVENING - datetime.timedelta(minutes=1)]
    paths = obsids(10, 12, 15)
    assert compared(paths, {"sequence": True}, now=EVENING, created_at=times)[0] == [
        "warning: 1 of the sequence numbers 10–12 never came; missing: 11"
    ]
    assert "11, 13–14" in compared(paths, {"sequence": True}, now=ENDED, created_at=times)[0][0]
    assert compared(obsids(10, 12), {"sequence": True}, now=EVENING, created_at=EVENING)[0] == []
    assert compared([], {"sequence": True, "first": 1})[0] == []


def test_time_alone_is_a_change_of_an_open_night():
    """The look at an open night changes with each quarter of wait_s."""
    looks = []
    for minutes in (0, 1, 16, 17, 60 * 24, 60 * 48, 60 * 72):
        source = Expectations(
            Expectations.Settings(sequence=True),
            Asked("s", NightRule(), EVENING + datetime.timedelta(minutes=minutes)),
        )
        looks.append(json.dumps(source.look(NIGHT, None)))
    assert [looks[n] == looks[n + 1] for n in range(6)] == [True, False, True, False, True, True]


def test_detectors_of_a_camera():
    """An exposure that lacks detectors names them; R22S11 is R22_S11."""
    paths = obsids(64, 65, sensors=("R22_S10", "R22S11", "R30_S00"))
    paths.remove("2025-04-30/MC_O_20250430_000065_R22S11.fits")
    paths.remove("2025-04-30/MC_O_20250430_000065_R30_S00.fits")
    paths.append("2025-04-30/MC_O_20250430_000065_R30_S00.json")  # no image
    found, numbers, _ = compared(paths, {"detectors": ["R22_S10", "R22_S11", "R30_S00"]})
    assert found == ["warning: exposure 65: 1 of 3 detectors, lacking R22_S11, R30_S00"]
    assert numbers == {"n_expected": 6, "n_expected_missing": 2}
    assert compared(paths, {"detectors": 3, "level": "error"})[0] == [
        "error: exposure 65: 1 of 3 detectors"
    ]
    assert compared(paths, {"detectors": 2})[0] == [
        "warning: exposure 65: 1 of 2 detectors",
        "normal: 1 exposure has more detectors than expected: exposure 64 (3 of 2)",
    ]


def test_many_incomplete_exposures_are_counted():
    """Beyond max_named, exposures and detectors are counted."""
    found, _, _ = compared(
        obsids(*range(1, 31), sensors=("R22_S10",)),
        {"detectors": [f"R22_S{n:02d}" for n in range(30)], "max_named": 3},
    )
    assert len(found) == 4
    assert (
        found[0]
        == "warning: exposure 1: 1 of 30 detectors, lacking R22_S00, R22_S01, R22_S02 and 26 more"
    )
    assert found[3] == "warning: 27 more exposures lack detectors"


def put_sensors(folder, obsid, sensors, at=EVENING):
    """Write an exposure's expectedSensors file."""
    path = folder / f"{obsid}_expectedSensors.json"
    path.write_text(
        json.dumps(
            {
                "fileName": path.name,
                "fileType": "expectedSensors",
                "obsId": obsid,
                "version": 1.0,
                "expectedSensors": sensors,
            }
        )
    )
    os.utime(path, (at.timestamp(), at.timestamp()))


def test_expected_sensors(tmp_path):
    """Each exposure's own list counts, with guiders only if they are wanted."""
    folder = tmp_path / "2025-04-30"
    folder.mkdir()
    put_sensors(
        folder,
        "MC_O_20250430_000007",
        {"R01_S00": "SCIENCE", "R01_S01": "SCIENCE", "R00_SG0": "GUIDER"},
    )
    put_sensors(folder, "MC_O_20250430_000008", {"R01_S00": "SCIENCE"})
    put_sensors(folder, "MC_O_20250430_000009", {})
    paths = obsids(7, sensors=("R01_S00",))
    found, numbers, notes = compared(paths, {"path": tmp_path})
    assert found == [
        "warning: 1 of 2 expected exposures never came; missing: 8",
        "warning: exposure 7: 1 of 3 detectors, lacking R00_SG0, R01_S01",
    ]
    assert (numbers, notes) == ({"n_expected": 4, "n_expected_missing": 3}, [])
    assert (
        compared(paths, {"path": tmp_path, "sensor_types": ["SCIENCE"]})[0][1]
        == "warning: exposure 7: 1 of 2 detectors, lacking R01_S01"
    )
    assert (
        compared(
            paths,
            {"path": tmp_path},
            now=EVENING + datetime.timedelta(minutes=30),
            created_at=EVENING,
        )[0]
        == []
    )


def test_real_list_of_sensors_is_cut_off(shared_data, tmp_path):
    """The real sample lacks its last brace and is used; half of it is not."""
    folder = tmp_path / "2025-04-30"
    folder.mkdir()
    text = (shared_data / "summit/expectedSensor.json").read_text()
    path = folder / "MC_O_20250430_000295_expectedSensors.json"
    path.write_text(text)
    n = text.count('"SCIENCE"')
    paths = obsids(
        295,
        sensors=[
            s for s in json.loads(text + "}")["expectedSensors"] if s not in ("R22_S11", "R30_S00")
        ],
    )
    found, numbers, (note,) = compared(paths, {"path": tmp_path})
    assert found == [f"warning: exposure 295: {n - 2} of {n} detectors, lacking R22_S11, R30_S00"]
    assert numbers == {"n_expected": n, "n_expected_missing": 2}
    assert note == f"{path}: is no whole JSON; its list of sensors is complete and used"

    path.write_text(text[: len(text) // 2])
    found, _, (note,) = compared(paths, {"path": tmp_path})
    assert found == [] and "cut short" in note and str(path) in note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"expectedSensors": []}',
        '{"expectedSensors": {"R01_S00": ',
        "[" * 100_000,
        '"expectedSensors": {',
    ],
)
def test_what_is_no_list_of_sensors(text):
    """Any text is a list of sensors or a ValueError."""
    with pytest.raises(ValueError, match="sensors|expectedSensors"):
        read_sensors(text)


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("# taken\nMC_O_20250430_000007\n\nMC_O_20250430_000008\n", ".txt"),
        ("time, obsid, reason\n1, MC_O_20250430_000007, \n2, ,\n3,MC_O_20250430_000008\n", ".csv"),
        ("obsid\nMC_O_20250430_000007\nMC_O_20250430_000008\n", ".csv"),
        ('["MC_O_20250430_000007", null, "MC_O_20250430_000008"]', ".json"),
        (
            '{"exposures": [{"obsId": "MC_O_20250430_000007"}, '
            '{"obsId": "MC_O_20250430_000008"}, {"x": 1}]}',
            ".json",
        ),
    ],
)
def test_list_of_exposures(tmp_path, text, suffix):
    """A list may be text, CSV or JSON, and name exposures in other forms."""
    (tmp_path / f"log_20250430{suffix}").write_text(text)
    settings = {"exposures": tmp_path / ("log_{day_obs}" + suffix)}
    assert compared(obsids(7), settings)[0] == [
        "warning: 1 of 2 expected exposures never came; missing: 8"
    ]
    assert compared(["2025043000007-det000.fits", *obsids(8)], settings)[1] == {
        "n_expected": 2,
        "n_expected_missing": 0,
    }
    assert Expectations(
        Expectations.Settings(**settings), Asked("s", NightRule(), ENDED)
    ).nights() == {NIGHT}


def test_one_list_for_all_nights(shared_data):
    """A list of many nights is split by the day in the names."""
    path = shared_data / "rubin/latiss_2020_obsids.txt"
    night = datetime.date(2020, 2, 12)
    source = Expectations(Expectations.Settings(exposures=path), Asked("s", NightRule(), ENDED))
    assert len(source.nights()) == 11 and night in source.nights()
    found, numbers, _ = compared(
        ["LATISS-AT_O_20200212_000022.fits"], {"exposures": path}, night=night
    )
    assert found == ["warning: 1 of 2 expected exposures never came; missing: 11"]
    assert numbers == {"n_expected": 2, "n_expected_missing": 1}


def test_list_that_cannot_be_used(tmp_path):
    """A list that is missing or not understood is an error that names it."""
    with pytest.raises(SourceError, match="no such file"):
        compared([], {"exposures": tmp_path / "absent.csv"})
    assert compared([], {"exposures": tmp_path / "{night}.csv"})[0] == []
    (tmp_path / "a.json").write_text('["x"')
    with pytest.raises(SourceError, match=r"a\.json: is no JSON"):
        compared([], {"exposures": tmp_path / "a.json"})
    (tmp_path / "a.csv").write_text("time,target\n1,M31\n")
    with pytest.raises(
        SourceError, match=r"a\.csv: has no column obsid or exposure \(has target, time\)"
    ):
        compared([], {"exposures": tmp_path / "a.csv"})
    assert read_exposures("time,target\n1,M31\n", "target") == ["M31"]
    with pytest.raises(UsageError, match="expects nothing"):
        Expectations(Expectations.Settings(), Asked("s", NightRule(), ENDED))


def test_count_of_a_night():
    """Too few images of a night are a warning once it is over."""
    assert compared(obsids(1, 2, 3), {"n_files": 4, "n_exposures": 3})[0] == [
        "warning: 3 of 4 images expected of a night (75.0 %)"
    ]
    assert compared(obsids(1, 2, 3), {"n_files": 2})[0] == [
        "normal: 3 of 2 images expected of a night (150.0 %)"
    ]
    assert compared(obsids(1), {"n_files": 4}, now=EVENING)[0] == []
    assert compared([], {"n_files": 4})[1] == {"n_expected": 4, "n_expected_missing": 4}


def write_settings(folder, more):
    """Write settings with a file store and more sources; return their path."""
    settings = folder / "site.toml"
    settings.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.cam]\n[[streams.cam.sources]]\n'
        f'type = "files"\npath = "store"\n{more}'
    )
    return settings


def test_settings_to_pages(tmp_path):
    """The pages show what never came; new settings judge a night again."""
    for path in obsids(1, 2, 4, sensors=("R01_S00", "R01_S01")):
        if "000004_R01_S01" not in path:
            (tmp_path / "store" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "store" / path).write_bytes(b"x" * 20_000)
    expected = '[[streams.cam.sources]]\ntype = "expected"\nsequence = true\ndetectors = {}\n'
    run = ["--first_day", "2025-04-30", "--last_day", "2025-04-30", "-c"]
    assert (
        cli.main([*run, str(write_settings(tmp_path, expected.format('["R01_S00", "R01_S01"]')))])
        == 0
    )
    (night,) = json.loads((tmp_path / "site/cam/nights.json").read_text())["nights"]
    assert night["status"] == "warning"
    assert night["info"] == (
        "1 of the sequence numbers 1–4 never came; missing: 3; "
        "exposure 4: 1 of 2 detectors, lacking R01_S01"
    )
    assert (
        night["n_files"],
        night["n_missing"],
        night["n_expected"],
        night["n_expected_missing"],
        night["n_gaps"],
    ) == (5, 0, 6, 1, 1)
    page = (tmp_path / "site/cam/2025-04-30.html").read_text()
    assert "missing: 3" in page and "lacking R01_S01" in page and "expected_as_of" not in page

    assert cli.main([*run, str(write_settings(tmp_path, expected.format("1")))]) == 0
    (night,) = json.loads((tmp_path / "site/cam/nights.json").read_text())["nights"]
    assert night["info"] == "1 of the sequence numbers 1–4 never came; missing: 3"
    assert night["n_expected"] == 3


def test_bands_of_a_timestamp(tmp_path):
    """Measurement sets are folders that count as one file each."""
    bands = [f"{mhz}MHz" for mhz in range(14, 84, 5)] + ["84MHz", "89MHz"]
    for at in ("20250430_120000", "20250430_120010"):
        for band in bands:
            if (at, band) != ("20250430_120010", "34MHz"):
                folder = tmp_path / "store" / band / "2025-04-30/12" / f"{at}_{band}.ms"
                (folder / "ANTENNA").mkdir(parents=True)
                (folder / "table.dat").write_bytes(b"x")
    tar = tmp_path / "store/14MHz/2025-04-30/12/20250430_120010_14MHz.ms.tar"
    tar.write_bytes(b"x" * 20_000)  # the same as an archive
    more = (
        'whole_folders = ["*.ms"]\n'
        r"name_pattern = '(?P<exposure>\d{8}_\d{6})_(?P<detector>\d+MHz)\.ms'"
        '\n[[streams.cam.sources]]\ntype = "expected"\ncalled = "sub-bands"\n'
        'kinds = ["ms", "tar"]\nlevel = "error"\n'
        f"detectors = {json.dumps(bands)}\n"
    )
    assert (
        cli.main(
            [
                "--first_day",
                "2025-04-30",
                "--last_day",
                "2025-04-30",
                "-c",
                str(write_settings(tmp_path, more)),
            ]
        )
        == 0
    )
    (night,) = json.loads((tmp_path / "site/cam/nights.json").read_text())["nights"]
    assert night["info"] == "exposure 20250430_120010: 15 of 16 sub-bands, lacking 34MHz"
    assert (
        night["n_files"],
        night["n_expected"],
        night["n_expected_missing"],
        night["size_bytes"],
    ) == (32, 32, 1, 20_000)


def test_example():
    """The example settings are understood."""
    streams = {
        stream.name: stream for stream in read.streams_of_file(CHECKOUT / "examples/expected.toml")
    }
    assert [source.name for source in streams["lsstCam"].sources] == [
        "files",
        "expected",
        "sequence",
    ]
    assert streams["testStand"].sources[1].settings.detectors == 9


def test_nothing_came(tmp_path):
    """The page of a night without files says what was expected."""
    (tmp_path / "store").mkdir()
    (tmp_path / "plan.txt").write_text("MC_O_20250430_000001\nMC_O_20250430_000002\n")
    more = '[[streams.cam.sources]]\ntype = "expected"\nexposures = "plan.txt"\nn_files = 10\n'
    run = ["--first_day", "2025-04-30", "--last_day", "2025-04-30", "-c"]
    assert cli.main([*run, str(write_settings(tmp_path, more))]) == 0
    page = (tmp_path / "site/cam/2025-04-30.html").read_text()
    assert (
        "2 of 2 expected exposures never came; missing: 1–2" in page
        and "0 of 10 images expected of a night" in page
    )
    assert {f'id="{name}"' in page for name in re.findall(r'href="#([^"]+)"', page)} <= {True}
