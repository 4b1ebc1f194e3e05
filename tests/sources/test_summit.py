"""The Rubin summit's ends of readout and notices, real ones and odd ones."""

import datetime
import json
import os

import pandas as pd
import pytest

from observing_monitor import cli
from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.summit import SummitMessages, split_escaped

UTC = datetime.UTC
NOW = datetime.datetime(2025, 5, 10, tzinfo=UTC)


def read(folder, night, now=NOW):
    """Return the reading of a night."""
    source = SummitMessages(SummitMessages.Settings(folder), Asked("s", NightRule(), now))
    source.look(night, None)
    return source.read(night)


def readout(number, at, day="20250423", **more):
    """Return an end of readout at a UTC instant."""
    tai = at.timestamp() + 37
    return {
        "imageName": f"MC_O_{day}_{number:06d}",
        "imageDate": day,
        "imageNumber": number,
        "timestampEndOfReadout": tai,
    } | more


def notice(key, at, size=20_000, event="ObjectCreated:Put"):
    """Return a notice of one object."""
    return {
        "Records": [
            {
                "eventTime": at,
                "eventName": event,
                "s3": {"bucket": {"name": "rubin-summit"}, "object": {"key": key, "size": size}},
            }
        ]
    }


def test_lists_with_escaped_colons():
    r"""A colon in a value is written `\:`; empty values keep their places."""
    assert split_escaped(r"BIAS:2025-05-02T13\:29\:16.756::x\\y:") == [
        "BIAS",
        "2025-05-02T13:29:16.756",
        "",
        "x\\y",
        "",
    ]
    assert (split_escaped(""), split_escaped(":a")) == ([], ["", "a"])


def test_real_messages(shared_data, tmp_path):
    """The real messages are read, with TAI as UTC, values and sizes."""
    for name in ("endReadout.json", "fileNotifications.json"):
        (tmp_path / name).write_bytes((shared_data / "summit" / name).read_bytes())
    as_of = datetime.datetime(2025, 5, 2, 14, tzinfo=UTC).timestamp()
    os.utime(tmp_path / "endReadout.json", (as_of, as_of))
    as_of = datetime.datetime(2025, 4, 23, 19, 20, tzinfo=UTC).timestamp()
    os.utime(tmp_path / "fileNotifications.json", (as_of, as_of))

    reading = read(tmp_path, datetime.date(2025, 5, 2))
    row = reading.metrics[reading.metrics["name"] == "end_of_readout"].iloc[0]
    assert (
        row["node"] == "MC_O_20250502_000010"
        and row["sampled_at"].isoformat() == "2025-05-02T13:38:09.988771+00:00"
    )
    assert "groupId: 2025-05-02T13:29:16.756\ntestType: BIAS" in row["text"]
    assert reading.notes == [] and reading.files.empty

    reading = read(tmp_path, datetime.date(2025, 4, 23))
    file = reading.files.iloc[0]
    assert (file["name"], file["kind"], file["size_bytes"]) == (
        "MC_O_20250423_000034_R31_S10.json",
        "json",
        2867,
    )
    assert file["transferred_at"].isoformat() == "2025-04-23T19:19:54.172258+00:00"
    assert (file["obsid"], file["seq_num"], file["detector"]) == (
        "MC_O_20250423_000034",
        34,
        "R31_S10",
    )


def test_notices_in_any_order(tmp_path):
    """The latest notice of an object counts; a size that is none is unknown."""
    keys = [f"LSSTCam/20250423/MC_O_20250423_{number:06d}/a.fits" for number in range(4)]
    folder = tmp_path / "2025-04-23"
    folder.mkdir()
    sizes = [1.5e300, "many", [1], 20_000]
    (folder / "1.json").write_text(
        json.dumps([notice(keys[0], "2025-04-23T20:10:00Z", event="ObjectRemoved:Delete")])
    )
    (folder / "2.json").write_text(
        json.dumps(
            [
                notice(key, "2025-04-23T20:00:00Z", size)
                for key, size in zip(keys, sizes, strict=True)
            ]
        )
    )
    files = read(tmp_path, datetime.date(2025, 4, 23)).files.set_index("file_id")
    assert files["on_disk"][keys].tolist() == [False, True, True, True]
    assert files["size_bytes"][keys].tolist() == [20_000, pd.NA, pd.NA, 20_000]


def test_bad_messages_are_noted(tmp_path):
    """Each message that cannot be used is noted, and the others are read."""
    folder = tmp_path / "20250423"
    folder.mkdir()
    at = datetime.datetime(2025, 4, 23, 20, tzinfo=UTC)
    lines = [
        readout(1, at),
        {"imageName": "x"},
        [1],
        readout(2, at, timestampEndOfReadout="soon"),
        notice("LSSTCam/20250423/a.fits", "never"),
    ]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"imageName": "MC')
    (folder / "b.json").write_text("[" * 100_000)
    (folder / "c.json").write_text(
        json.dumps(
            [
                notice(
                    "LSSTCam/20250423/MC_O_20250423_000001/MC_O_20250423_000001_R01_S00.fits",
                    "2025-04-23T20:00:07Z",
                )
            ]
        )
    )
    reading = read(tmp_path, datetime.date(2025, 4, 23))
    assert len(reading.notes) == 6 and all(str(folder) in note for note in reading.notes)
    assert sum("(it has no imageDate)" in note for note in reading.notes) == 1
    assert sum("(a value has the wrong type or form)" in note for note in reading.notes) == 3
    assert reading.files["created_at"].iloc[0] == at
    assert set(reading.metrics["node"].dropna()) == {"MC_O_20250423_000001"}


def test_settings_to_pages(tmp_path):
    """Objects are files with their delay; exposures without image are named."""
    folder = tmp_path / "messages/2025-04-23"
    folder.mkdir(parents=True)
    at = datetime.datetime(2025, 4, 23, 20, tzinfo=UTC)
    put = [readout(n, at + datetime.timedelta(seconds=30 * n)) for n in (1, 2, 3, 4)]
    put += [
        notice(
            f"LSSTCam/20250423/MC_O_20250423_{n:06d}/MC_O_20250423_{n:06d}_R01_S00.fits",
            f"2025-04-23T20:0{n // 2}:{30 * n % 60 + 7:02d}Z",
        )
        for n in (1, 4)
    ]
    (folder / "messages.jsonl").write_text("\n".join(map(json.dumps, put)))
    settings = tmp_path / "site.toml"
    settings.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.cam.sources]]\n'
        'type = "summit"\npath = "messages"\n'
    )
    assert (
        cli.main(["-c", str(settings), "--first_day", "2025-04-23", "--last_day", "2025-04-23"])
        == 0
    )
    (night,) = json.loads((tmp_path / "site/cam/nights.json").read_text())["nights"]
    assert night["info"] == "2 of 4 expected exposures never came; missing: 2–3"
    assert (night["n_files"], night["n_readouts"], night["n_readouts_missing"]) == (2, 4, 2)
    assert night["transfer_delay_max_s"] == pytest.approx(7)
    assert "missing: 2–3" in (tmp_path / "site/cam/2025-04-23.html").read_text()


def test_exposures(shared_data, tmp_path):
    """A real end of readout is an exposure, with its facts and times."""
    folder = tmp_path / "20250502"
    folder.mkdir()
    real = json.loads((shared_data / "summit" / "endReadout.json").read_text())
    (folder / "a.json").write_text(json.dumps(real))
    (made,) = read(tmp_path, datetime.date(2025, 5, 2)).exposures.itertuples(index=False)
    assert (made.obsid, made.seq_num) == (real["imageName"], 10)
    assert (made.observation_type, made.observation_type_original) == ("bias", "BIAS")
    assert (made.program, made.observation_reason) == ("BLOCK-T454", "BLOCK-T454")
    assert made.group == "2025-05-02T13:29:16.756" and made.exposure_time_s == 0
    at = datetime.datetime.fromtimestamp(real["timestampEndOfReadout"] - 37, UTC)
    assert abs(made.ended_at - at) < datetime.timedelta(milliseconds=1)
    assert made.started_at == made.ended_at


def test_exposures_with_few_facts(tmp_path):
    """An exposure without additional keys or time has what is known."""
    folder, at = tmp_path / "20250423", datetime.datetime(2025, 4, 24, 3, tzinfo=UTC)
    folder.mkdir()
    more = {"additionalKeys": "imageType:object", "additionalValues": "ACQ:M 31"}
    messages = [readout(2, at, requestedExposureTime=30.0, **more)]
    messages.append(readout(1, at, requestedExposureTime=1e300))
    (folder / "a.json").write_text(json.dumps(messages))
    first, second = read(tmp_path, datetime.date(2025, 4, 23)).exposures.itertuples(index=False)
    assert first.started_at == at - datetime.timedelta(seconds=30) and first.ended_at == at
    assert (first.observation_type, first.target, first.seq_num) == ("acquisition", "M 31", 2)
    assert second.ended_at == at and pd.isna(second.started_at)
    assert pd.isna(second.observation_type)


def test_no_exposures(tmp_path):
    """A night without an end of readout has no exposures."""
    (tmp_path / "20250423").mkdir()
    assert read(tmp_path, datetime.date(2025, 4, 23)).exposures.empty
