"""Small observatories whose stores are collected in a moment.

An `Observatory` has the settings that it is published with and what its sources say. Every source
is collected through a stand-in of the same name (`told_source`), so none needs a server.
Publishing reads no source, so its pages are those of the real source.
"""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

from gen2tree import later
from running import run
from support import packages, told_source
from support.settings_text import to_toml

NOW = later()
FIRST, LAST = "2021-02-16", "2021-02-17"
DROP = object()  # as a value of `changed`: remove the key


@dataclass
class Observatory:
    """The settings of a site and the data of its sources."""

    settings: dict
    said: dict[str, dict]  # "stream/source" -> night -> table -> rows
    stages: dict[str, list[str]] = field(default_factory=dict)  # "stream/source" -> stages
    nights: tuple[str, ...] = (FIRST,)

    def collect(self, folder):
        """Collect `folder`/store, and publish nothing; return the folder."""
        packages.install(
            folder / "packages",
            "told_source",
            Path(told_source.__file__).read_text(),
            kind=told_source.KIND,
            object_name="Told",
        )
        streams = {}
        for key, nights in self.said.items():
            stream, _, source = key.partition("/")
            for night, tables in nights.items():
                path = folder / "said" / key / f"{night}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(tables))
            streams.setdefault(stream, []).append(
                {
                    "type": told_source.KIND,
                    "name": source,
                    "path": f"said/{key}",
                    "stages": self.stages.get(key, []),
                }
            )
        rules = {
            name: {
                key: value
                for key, value in self.settings["streams"][name].items()
                if key == "night_rule"
            }
            for name in streams
        }
        settings = {
            "observing_monitor": PLACES,
            "streams": {name: {**rules[name], "sources": streams[name]} for name in streams},
        }
        path = folder / "collect.toml"
        path.write_text(to_toml(settings))
        days = ("--first_day", self.nights[0], "--last_day", self.nights[-1])
        with packages.on_path(folder / "packages"):
            assert run("collect", "-c", path, *days, "--jobs", 1, now=NOW) == 0
        return folder


def changed(settings, changes):
    """Return settings with some values changed.

    `changes` maps where a value is, such as `streams.camera.sources.gen2.path`, to the value.
    """
    settings = copy.deepcopy(settings)
    for where, value in changes.items():
        *way, key = where.split(".")
        at = settings
        for step in way:
            if isinstance(at, list):
                at = next(table for table in at if table["name"] == step)
            else:
                at = at.setdefault(step, {})
        if value is DROP:
            del at[key]
        else:
            at[key] = value
    return settings


def file_row(name, night, **more):
    """Return one file of a night, created at 23:00 UTC."""
    return {
        "file_id": f"{night}/{name}",
        "name": name,
        "path": f"/data/storage/{night}/{name}",
        "kind": name.rpartition(".")[2],
        "size_bytes": 2_880_000,
        "created_at": f"{night}T23:00:00+00:00",
        "transferred_at": f"{night}T23:01:00+00:00",
        "on_disk": True,
        **more,
    }


def image_row(number, night, **more):
    """Return one image of a night, with parts of its name."""
    obsid = f"AT_O_{night.replace('-', '')}_{number:06d}"
    told = {"obsid": obsid, "exposure": obsid, "seq_num": number, "detector": "0"}
    return file_row(f"{obsid}.fits", night, **told, **more)


def attempt_row(row, stage="ingest", status="success", **more):
    """Return one attempt on a file, five minutes after its creation."""
    return {
        "stage": stage,
        "status": status,
        "attempted_at": row["created_at"].replace(":00:00+", ":05:00+"),
        "attempt": 1,
        "path": f"raw/{row['name']}",
        "names": row["name"],
        **more,
    }


def metric_row(name, value, night, node=None, text=None, unit=None, at="23:30:00"):
    """Return one number or text of a night."""
    return {
        "name": name,
        "node": node,
        "value": value,
        "text": text,
        "unit": unit,
        "sampled_at": f"{night}T{at}+00:00",
    }


def images(night, numbers=(1, 2, 4, 5)):
    """Return images of a night, one small and one missing."""
    rows = [image_row(number, night) for number in numbers]
    rows[-1]["size_bytes"] = 2_000
    return rows


def camera_night(night):
    """Return the data of a camera's sources for a night."""
    rows = [*images(night), file_row("notes.txt", night)]
    rows.append(image_row(7, night, created_at=NOW.isoformat()))  # pending
    late = {"attempted_at": f"{night}T23:59:00+00:00"}
    failed = {"status": "failure", "message": "KeyError: no DATE-OBS"}
    ingests = [attempt_row(rows[0], **late), attempt_row(rows[1], **failed)]
    archive = [attempt_row(rows[0], "archive"), attempt_row(rows[2], "archive")]
    as_of = metric_row("expected_as_of", None, night, text="over")
    return {
        "camera/files": {night: {"files": rows}},
        "camera/gen2": {night: {"attempts": ingests}},
        "camera/archive": {night: {"attempts": archive}},
        "camera/expected": {night: {"metrics": [as_of]}},
        "weather/table": weather_night(night),
    }


def weather_night(night):
    """Return the data of a weather station for a night."""
    rows = [
        metric_row("humidity", value, night, unit="%", at=at)
        for value, at in ((40, "23:00:00"), (55, "23:30:00"))
    ]
    return {night: {"metrics": [*rows, metric_row("wind", 7, night, unit="m/s")]}}


WEATHER = {
    "title": "Weather",
    "sources": [
        {
            "type": "table",
            "name": "table",
            "path": "/gone/weather/{night}.csv",
            "columns": {"sampled_at": "time"},
            "values": {"humidity": "rh", "wind": "wind"},
            "headlines": ["humidity"],
        }
    ],
}
PLACES = {"output_dir": "site", "store_dir": "store"}
SITE = {**PLACES, "title": "Example observatory"}
HERE = {"latitude_deg": -30.2446, "longitude_deg": -70.7494, "timezone": "America/Santiago"}


def camera():
    """Return a camera with an archive, and a weather station."""
    said = {}
    for night in (FIRST, LAST):
        for key, nights in camera_night(night).items():
            said.setdefault(key, {}).update(nights)
    archive = {
        "type": "table",
        "name": "archive",
        "path": "/gone/archive.csv",
        "feeds": "ingests",
        "columns": {"attempted_at": "at", "path": "path", "status": "status"},
        "constants": {"stage": "archive"},
        "stages": ["archive"],
    }
    sources = [
        {"type": "files", "name": "files", "path": "/gone/storage"},
        {"type": "gen2", "name": "gen2", "path": "/gone/gen2repo"},
        archive,
        {"type": "expected", "name": "expected", "sequence": True, "detectors": ["0"]},
    ]
    stream = {"title": "Camera", **HERE, "sources": sources}
    return Observatory(
        {"observing_monitor": SITE, "streams": {"camera": stream, "weather": WEATHER}},
        said,
        {"camera/gen2": ["ingest"], "camera/archive": ["archive"]},
        (FIRST, LAST),
    )


def of_input_dir():
    """Return a camera with its sources given by `input_dir`."""
    night = camera_night(FIRST)
    return beside_weather(
        {"input_dir": "/gone"},
        {name: night[f"camera/{name}"][FIRST] for name in ("files", "gen2")},
        {"gen2": ["ingest"]},
    )


def beside_weather(stream, said, stages=None):
    """Return an observatory of one stream and a weather station.

    `said` and `stages` are by the names of the stream's sources. The stream is called `one`.
    """
    return Observatory(
        {"observing_monitor": SITE, "streams": {"one": stream, "weather": WEATHER}},
        {
            **{f"one/{source}": {FIRST: tables} for source, tables in said.items()},
            "weather/table": weather_night(FIRST),
        },
        {f"one/{source}": names for source, names in (stages or {}).items()},
    )
